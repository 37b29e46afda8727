// Package evidence turns what was gathered about an image into predicates: one
// file for each kind. Its functions are pure, but for the one that reads a file
// that the user brought.
package evidence
