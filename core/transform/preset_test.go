package transform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

func TestDefaultPreset(t *testing.T) {
	sides := map[string]int{"thumbnail": 150, "medium": 600, "large": 1200, "original": 4096}
	for _, v := range transform.DefaultPreset() {
		n := sides[v.Name]
		if want := parse(t, fmt.Sprintf("w=%d,h=%d,fit=scale-down,fmt=webp,q=85,meta=none,icc=srgb", n, n)); v.Spec != want {
			t.Errorf("%s: got %s, want %s", v.Name, v.Spec, want)
		}
		delete(sides, v.Name)
	}
	if len(sides) > 0 {
		t.Errorf("the preset lacks %v", sides)
	}
}

func TestParseVariants(t *testing.T) {
	t.Run("are sorted by name", func(t *testing.T) {
		got, err := transform.ParseVariants([]byte(` {"wide": "w=800", "0": "", "a_b-c": "h=5"} `))
		want := []transform.Variant{{"0", transform.Default()}, {"a_b-c", parse(t, "h=5")}, {"wide", parse(t, "w=800")}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v and %v, want %v", got, err, want)
		}
	})
	t.Run("a bad transform names its variant", func(t *testing.T) {
		_, err := transform.ParseVariants([]byte(`{"ok": "w=1", "thumb": "width=1"}`))
		e := refusal(t, err)
		if e.Facts["variant"] != "thumb" || e.Facts["suggestion"] != "w" || !strings.HasPrefix(e.Detail, "variant thumb: ") {
			t.Errorf("got %q with %v, want the variant thumb and the suggestion w", e.Detail, e.Facts)
		}
	})
	for _, bad := range []string{
		``, `null`, `[]`, `"w=1"`, `{`, `{}`, `{"a"}`, `{"a":}`, `{"a": "w=1"`, `{"a": "w=1",}`, `{"a": "w=1"} {}`, `{"a": "w=1"}]`,
		`{"a": 1}`, `{"a": null}`, `{"a": {"w": 1}}`, `{"a": ["w=1"]}`,
		`{"a": "w=1", "a": "w=1"}`, `{"": "w=1"}`, `{"A": "w=1"}`, `{"-a": "w=1"}`, `{"a/b": "w=1"}`, `{"a\n": "w=1"}`, `{"é": "w=1"}`,
		`{"` + strings.Repeat("a", 65) + `": "w=1"}`,
		object(transform.MaxVariants + 1),
		`{"a": "` + strings.Repeat(" ", 1<<18) + `"}`,
	} {
		t.Run(bad[:min(len(bad), 40)]+" is refused", func(t *testing.T) {
			_, err := transform.ParseVariants([]byte(bad))
			e, ok := errors.AsType[*core.Error](err)
			if !ok || e.Slug != core.InvalidVariants || len(e.Detail) > 250 {
				t.Errorf("got %v, want %s with a short sentence", err, core.InvalidVariants)
			}
		})
	}
	t.Run("as many as there may be are taken", func(t *testing.T) {
		if got, err := transform.ParseVariants([]byte(object(transform.MaxVariants))); err != nil || len(got) != transform.MaxVariants {
			t.Errorf("got %d and %v, want %d", len(got), err, transform.MaxVariants)
		}
	})
}

// object returns n variants.
func object(n int) string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprint(i)] = "w=1"
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func TestEncodeVariants(t *testing.T) {
	t.Run("reads back", func(t *testing.T) {
		b := transform.EncodeVariants(transform.DefaultPreset())
		got, err := transform.ParseVariants(b)
		if err != nil || !slices.Equal(got, transform.DefaultPreset()) {
			t.Errorf("got %v and %v from %s", got, err, b)
		}
	})
	t.Run("does not depend on the order", func(t *testing.T) {
		list := transform.DefaultPreset()
		slices.Reverse(list)
		if got, want := string(transform.EncodeVariants(list)), string(transform.EncodeVariants(transform.DefaultPreset())); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := transform.SpecDigest(list), transform.SpecDigest(transform.DefaultPreset()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("an empty list is an empty object", func(t *testing.T) {
		if got := string(transform.EncodeVariants(nil)); got != "{}" {
			t.Errorf("got %s, want {}", got)
		}
	})
}

func TestSpecDigest(t *testing.T) {
	one := []transform.Variant{{"a", parse(t, "w=1")}}
	for name, other := range map[string][]transform.Variant{
		"another name": {{"b", parse(t, "w=1")}}, "another transform": {{"a", parse(t, "w=2")}},
		"one more": {{"a", parse(t, "w=1")}, {"b", parse(t, "w=1")}},
	} {
		t.Run(name+" gives another digest", func(t *testing.T) {
			if transform.SpecDigest(one) == transform.SpecDigest(other) {
				t.Errorf("got the same digest for %v and %v", one, other)
			}
		})
	}
}

func FuzzParseVariants(f *testing.F) {
	f.Add([]byte(`{"a": "w=1", "b": "fmt=avif"}`))
	f.Add([]byte(`{"a": 1}`))
	f.Add(transform.EncodeVariants(transform.DefaultPreset()))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := transform.ParseVariants(data)
		if err != nil {
			if core.KindOf(err) != core.Invalid {
				t.Errorf("got %v, want it to be Invalid", err)
			}
			return
		}
		again, err := transform.ParseVariants(transform.EncodeVariants(list))
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("got %v and %v, want %v", again, err, list)
		}
	})
}
