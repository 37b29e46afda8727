# Shared rules about names of container images.
package hallmark.lib.images

# name is an image's full name without tag and digest: registry/repository.
name(text) := full(regex.replace(regex.replace(text, `@.*$`, ""), `:[^/:]*$`, ""))

full(text) := text if regex.match(`^(localhost|[^/]*[.:][^/]*)/`, text)

else := sprintf("docker.io/%s", [text]) if contains(text, "/")

else := sprintf("docker.io/library/%s", [text])

# digest holds for a digest of SHA-256, as an image is pinned by.
pinned(digest) if regex.match(`^sha256:[0-9a-f]{64}$`, digest)

# of_uri is the name of an image that provenance names as something built from:
# pkg:docker/…, pkg:oci/…, docker-image://…, oci://…
of_uri(uri) := name(urlquery.decode(found[0][1])) if {
	found := regex.find_all_string_submatch_n(`[?&]repository_url=([^&#]+)`, uri, 1)
	startswith(uri, "pkg:oci/")
	count(found) == 1
} else := name(urlquery.decode(found[0][1])) if {
	found := regex.find_all_string_submatch_n(`^pkg:(?:docker|oci)/([^?#]+)`, uri, 1)
	count(found) == 1
} else := name(found[0][1]) if {
	found := regex.find_all_string_submatch_n(`^(?:docker-image|docker|oci)://([^?#]+)`, uri, 1)
	count(found) == 1
}
