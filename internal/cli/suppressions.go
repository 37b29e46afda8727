package cli

import (
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/vex"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

// attested is the word for the VEX documents that are attested to the image.
const attested = "attested"

// suppressions reads what takes findings back: the inputs vex and waivers.
func suppressions(v values, job *pipeline.Job) (err error) {
	for _, path := range v.list("vex") {
		if path == attested {
			job.Attested = true
			continue
		}
		d, err := vex.Load(path)
		if err != nil {
			return err
		}
		job.VEX = append(job.VEX, d)
	}
	job.Waivers, err = waiversOf(v)
	return err
}

// waiversOf reads the input waivers.
func waiversOf(v values) (waiver.File, error) {
	if path := v.text("waivers"); path != "" {
		return waiver.Load(path)
	}
	return waiver.File{}, nil
}
