package scan

// WithFeed returns cfg with the address of another feed's listing.
func WithFeed(cfg Config, listing string) Config {
	cfg.feed = listing
	return cfg
}
