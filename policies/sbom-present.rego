# METADATA
# title: There is an SBOM
# description: >-
#   A signed SBOM in CycloneDX or SPDX names at least one component of the image and says when it was made. Without one, nobody can tell
#   whether the image holds a package that turns out to be vulnerable tomorrow.
# custom:
#   severity: high
#   fix: attach an SBOM with hallmark run
#   controls:
#     - {framework: OWASP SCVS, control: "2.1"}
#     - {framework: OWASP SCVS, control: "2.4"}
#     - {framework: OWASP SCVS, control: "2.6"}
#     - {framework: OWASP SCVS, control: "2.7"}
#     - {framework: CIS Software Supply Chain, control: 2.4.5}
#     - {framework: CIS Software Supply Chain, control: 2.4.6}
#     - {framework: CIS Software Supply Chain, control: 3.1.6}
#     - {framework: NIST SSDF, control: PS.3.2}
#     - {framework: EU CRA, control: II (1)}
#     - {framework: ISO/IEC 27001, control: A.5.21}
#   params:
#     max_age: {default: 0h, description: "greatest age by the SBOM's own time, such as 8760h; 0h is any age. An image does not change, and Hallmark's SBOM is as old as its image: the limit is one on the age of images"}
package hallmark.sbom_present

import data.hallmark.lib.sboms
import data.hallmark.lib.times

deny contains "the SBOM is neither CycloneDX nor SPDX 2" if {
	input.sbom
	not sboms.format
}

deny contains "the SBOM names no component" if count(sboms.parts) == 0

deny contains times.problem("the SBOM", sboms.timestamp, data.params.max_age)
