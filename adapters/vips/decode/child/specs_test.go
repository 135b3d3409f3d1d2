package child

import (
	"fmt"
	"testing"

	"imgd/core/transform"
)

func TestATransformReadAgainIsTheSame(t *testing.T) {
	known := specs{}
	for range 2 {
		for i := range 200 {
			text := fmt.Sprintf("w=%d,fmt=png", i+1)
			want, err := transform.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got, err := known.parse(text); err != nil || got != want {
					t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
				}
			}
			if len(known) > 64 {
				t.Fatalf("%d transforms are remembered, want at most 64", len(known))
			}
		}
		if _, err := known.parse("w=nothing"); err == nil {
			t.Error("w=nothing was read, want an error")
		}
	}
}
