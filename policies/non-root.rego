# METADATA
# title: Does not run as root
# description: >-
#   The image's configuration names a user that is not root. Whoever breaks out of a process of root is root on the host where user
#   namespaces are not used.
# custom:
#   severity: medium
#   fix: set USER in the Dockerfile, best to a number
#   controls:
#     - {framework: NIST SSDF, control: PW.9.1}
#     - {framework: EU CRA, control: I (2)(b)}
#     - {framework: ISO/IEC 27001, control: A.8.2}
#     - {framework: ISO/IEC 27001, control: A.8.9}
#   params:
#     numeric: {default: false, description: "deny also for a name, which the image itself can map to 0; Kubernetes' runAsNonRoot needs a number"}
package hallmark.non_root

deny contains "the image names no user, and so it runs as root" if {
	input.image.config
	user == ""
}

deny contains {"msg": sprintf("the image runs as %s", [user]), "resource": user} if regex.match(`^(0+|root)$`, user)

deny contains {"msg": sprintf("the image runs as %s, which may stand for any number", [user]), "resource": user} if {
	data.params.numeric != false
	not regex.match(`^([0-9]+|root|)$`, user)
}

# user is who the processes belong to, without the group.
user := trim_space(split(object.get(input.image.config, ["config", "User"], ""), ":")[0])
