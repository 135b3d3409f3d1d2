package structure

import (
	"strings"
	"testing"

	"imgd/core"
)

func TestGIFOutline(t *testing.T) {
	o := accepted(t, GIF, gifFile(t, 20, 10, 3))
	if o.Width != 20 || o.Height != 10 || o.Frames != 3 || !o.Alpha || o.Pixels() != 600 {
		t.Errorf("got %+v, want 20 x 10, 3 frames, alpha, 600 pixels", o)
	}
}

func TestAGIFIsWholeOnlyBetweenBlocks(t *testing.T) {
	data := gifFile(t, 20, 10, 2)
	var whole []int
	for n := range data {
		o, err := walk(t, GIF, data[:n])
		switch s := core.SlugOf(err); {
		case err == nil && o.Frames > 0:
			whole = append(whole, n)
		case s != core.ImageTruncated && s != core.ImageUndecodable:
			t.Fatalf("the first %d of %d bytes: got %v, want it accepted, truncated or undecodable", n, len(data), err)
		}
	}
	// Behind the first frame, behind the second one's control block, and before
	// the trailer.
	if len(whole) != 3 || whole[2] != len(data)-1 {
		t.Errorf("prefixes of %d bytes that are taken for whole: got %v, want 3, the last without the trailer only", len(data), whole)
	}
}

const (
	gifHead  = "GIF89a\x04\x00\x04\x00\x00\x00\x00"
	gifFrame = "\x2c\x00\x00\x00\x00\x04\x00\x04\x00\x00\x02\x02\x84\x51\x00"
)

func TestGIFStructure(t *testing.T) {
	comment := "\x21\xfe" + strings.Repeat("\xff"+strings.Repeat("c", 255), 33_000) + "\x00"
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"smallest":              {gifHead + gifFrame + ";", ""},
		"no trailer":            {gifHead + gifFrame, ""},
		"zeros between blocks":  {gifHead + "\x00" + gifFrame + "\x00\x00" + gifFrame + ";", ""},
		"bytes behind the end":  {gifHead + gifFrame + "; and more", ""},
		"no frame":              {gifHead + ";", core.ImageUndecodable},
		"nothing but a header":  {gifHead, core.ImageTruncated},
		"a colour table is cut": {"GIF89a\x04\x00\x04\x00\xf7\x00\x00abc", core.ImageTruncated},
		"a block is cut":        {gifHead + gifFrame[:12], core.ImageTruncated},
		"no such block":         {gifHead + gifFrame + "x", core.ImageUndecodable},
		"an empty frame":        {gifHead + "\x2c\x00\x00\x00\x00\x00\x00\x04\x00\x00\x02\x00;", core.ImageUndecodable},
		"a comment of 8 MiB":    {gifHead + comment + gifFrame + ";", core.MetadataTooLarge},
		"frames without end":    {gifHead + strings.Repeat(gifFrame, countedFrames+1) + ";", core.TooManyFrames},
		"a huge canvas":         {"GIF89a\xff\xff\xff\xff\x00\x00\x00" + gifFrame + ";", core.ImageTooLarge},
		"a frame beyond 65500":  {gifHead + "\x2c\xff\xff\x00\x00\x04\x00\x04\x00\x00\x02\x00;", core.ImageTooLarge},
		"something else":        {"GIF90a\x04\x00\x04\x00\x00\x00\x00", core.ImageUndecodable},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, GIF, []byte(c.data))
				return
			}
			refused(t, GIF, []byte(c.data), c.want)
		})
	}
}

func TestManyFramesAreCountedAndLeftToTheCaller(t *testing.T) {
	o := accepted(t, GIF, []byte(gifHead+strings.Repeat(gifFrame, 5000)+";"))
	if o.Frames != 5000 || o.Pixels() != 5000*16 {
		t.Errorf("got %d frames and %d pixels, want 5000 and 80000", o.Frames, o.Pixels())
	}
}

func TestAFrameBeyondTheCanvasEnlargesIt(t *testing.T) {
	o := accepted(t, GIF, []byte(gifHead+"\x2c\x06\x00\x01\x00\x04\x00\x04\x00\x00\x02\x00;"))
	if o.Width != 10 || o.Height != 5 {
		t.Errorf("got %d x %d, want 10 x 5", o.Width, o.Height)
	}
}
