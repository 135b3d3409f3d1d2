package e2e

import (
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

func TestTheProductionStackServesTheSameAPI(t *testing.T) {
	site := rig.NewProduction(t, shipped)
	api, one := site.Start(t, "api"), site.Start(t, "worker")
	small, err := scene.JPEG(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	j := upload(t, api.URL, small, "small.jpg")
	done := finished(t, api.URL, j.ID, 30*time.Second)
	if done.State != "succeeded" {
		t.Fatalf("the job is %s (%+v)", done.State, done.Error)
	}
	checkVariants(t, api.URL, j.ImageID)
	_ = one
}
