package transform_test

import (
	"slices"
	"testing"

	"imgd/core/transform"
)

func TestAbleListsKeysWithTheWordsTheyTake(t *testing.T) {
	able := transform.Able(func(key, value string) bool {
		switch key {
		case "w", "rot", "flip":
			return true
		case "pos":
			return value == "top" || value == "center"
		}
		return false
	})
	want := map[string][]string{"w": {}, "rot": {}, "flip": {"none", "h", "v", "hv"}, "pos": {"center", "top"}}
	if len(able) != len(want) {
		t.Errorf("got %v, want %v", able, want)
	}
	for key, words := range want {
		if got, ok := able[key]; !ok || !slices.Equal(got, words) {
			t.Errorf("%s: got %v, want %v", key, got, words)
		}
	}
}
