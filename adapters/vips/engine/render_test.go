package engine

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

func names(all []Output) (list []string) {
	for _, o := range all {
		list = append(list, o.Name)
	}
	return list
}

func TestTheSmallestIsOutFirst(t *testing.T) {
	for _, size := range [][2]int{{1000, 700}, {1927, 1443}} {
		if got := names(outputs(t, photo(t, size[0], size[1]), transform.DefaultPreset()...)); got[0] != "thumbnail" || len(got) != 4 {
			t.Errorf("%v: the order is %v, want the thumbnail first", size, got)
		}
	}
}

func TestEveryVariantIsEmittedOnce(t *testing.T) {
	var vs []transform.Variant
	var want []string
	for i, text := range []string{"w=30", "w=30", "w=30,fmt=png", "w=31", "page=7", "wm=01890a5d-ac96-774b-bcce-b302099a8057", "w=30,q=20", "fmt=avif,effort=0,w=20", "page=8"} {
		name := string(rune('a' + i))
		vs, want = append(vs, variant(t, name, text)), append(want, name)
	}
	got := names(outputs(t, photo(t, 200, 100), vs...))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("emitted were %v, want %v", got, want)
	}
}

// unchanged also knows an error that was wrapped from one that was not.
func unchanged(got, want error) bool { return errors.Is(got, want) && got.Error() == want.Error() }

func TestAnErrorOfEmitEndsTheWorkAndComesBackUnchanged(t *testing.T) {
	cable := errors.New("cable pulled")
	for _, at := range []int{1, 2, 4} {
		n := 0
		_, err := Render(t.Context(), Task{Data: photo(t, 1927, 1443), Variants: transform.DefaultPreset(), Facts: true}, func(Output) error {
			if n++; n == at {
				return cable
			}
			return nil
		})
		if !unchanged(err, cable) {
			t.Errorf("emit failed at %d: Render gave %v, want that very error", at, err)
		}
		if n != at {
			t.Errorf("emit failed at %d and was called %d times", at, n)
		}
	}
	_, err := Render(t.Context(), Task{Data: photo(t, 100, 100), Variants: []transform.Variant{variant(t, "a", "wm=01890a5d-ac96-774b-bcce-b302099a8057"), variant(t, "b", "w=10")}}, func(Output) error { return cable })
	if !unchanged(err, cable) {
		t.Errorf("emit failed at a refused variant: Render gave %v, want that very error", err)
	}
}

func TestACancelledContextEndsTheWork(t *testing.T) {
	why := errors.New("the lease is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	all, _, err := attempt(ctx, photo(t, 800, 600), transform.DefaultPreset())
	if !errors.Is(err, why) && !errors.Is(err, context.Canceled) || len(all) != 0 {
		t.Errorf("cancelled before: %d outputs and %v, want none and the cause", len(all), err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	n := 0
	_, err = Render(ctx, Task{Data: photo(t, 1927, 1443), Variants: transform.DefaultPreset(), Facts: true}, func(Output) error {
		n++
		cancel(why)
		return nil
	})
	if !errors.Is(err, why) {
		t.Errorf("cancelled at the first output: got %v, want the cause", err)
	}
	if n > 2 {
		t.Errorf("cancelled at the first output, and %d came", n)
	}
}

func TestAFileThatBreaksOffLateFailsAsAWhole(t *testing.T) {
	// The structure of the PNG is whole, its compressed pixels are not.
	data := pngOf(t, quadrants(500, 500))
	data[len(data)-30] ^= 0x40
	all, _, err := attempt(t.Context(), data, transform.DefaultPreset())
	if core.KindOf(err) != core.Undecodable {
		t.Errorf("got %v, want Undecodable", err)
	}
	for _, o := range all {
		if o.Err == nil {
			t.Errorf("%s was emitted of a picture that is not there", o.Name)
		}
	}
}

func TestFactsAloneAndVariantsAlone(t *testing.T) {
	data := photo(t, 400, 300)
	all, f, err := attempt(t.Context(), data, nil)
	if err != nil || f == nil || len(all) != 0 {
		t.Errorf("without variants: %d outputs, facts %v, %v; want facts alone", len(all), f, err)
	}
	f, err = Render(t.Context(), Task{Data: data, Variants: variants(t, "w=20")}, func(Output) error { return nil })
	if err != nil || f != nil {
		t.Errorf("without facts: %v, %v; want none", f, err)
	}
}

func TestOnlyMoreThanALittleIsEncodedBesideTheDrawing(t *testing.T) {
	for _, c := range []struct {
		side   int
		texts  []string
		beside bool
	}{
		{100, []string{"w=100", "w=60", "w=30"}, false},
		{100, []string{"fmt=png", "fmt=jpeg", "fmt=webp"}, false},
		{100, []string{"fmt=png", "fmt=jpeg", "fmt=webp", "fmt=webp,q=20"}, true},
		{400, []string{"w=400", "w=200"}, true},
		{400, []string{"w=400"}, false},
		{32, []string{"fmt=avif,effort=0", "w=20"}, true},
	} {
		var vs []transform.Variant
		for i, text := range c.texts {
			vs = append(vs, variant(t, strconv.Itoa(i), text))
		}
		_, err := Render(t.Context(), Task{Data: photo(t, c.side, c.side), Variants: vs}, func(o Output) error {
			if beside := !strings.Contains(string(debug.Stack()), "engine.Render("); o.Err == nil && beside != c.beside {
				t.Errorf("%v of %d pixels: encoded beside the drawing: %v, want %v", c.texts, c.side, beside, c.beside)
			}
			return o.Err
		})
		if err != nil && core.KindOf(err) != core.Unsupported {
			t.Errorf("%v of %d pixels: %v", c.texts, c.side, err)
		}
	}
}

func TestCanAnswersForWhatThereIs(t *testing.T) {
	for _, v := range transform.DefaultPreset() {
		if err := transform.Unsupported(v.Spec, Can); err != nil {
			t.Errorf("%s of the default preset: %v", v.Name, err)
		}
	}
	c := Capabilities()
	if c.Renderer != Renderer || !slices.Contains(c.Read, "jpeg") || !slices.Contains(c.Write, "webp") || c.Library == "" {
		t.Errorf("capabilities are %+v", c)
	}
	for _, f := range c.Write {
		if !Can("fmt", f) {
			t.Errorf("%s is written and Can says no", f)
		}
	}
}
