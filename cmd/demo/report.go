package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// printStory prints the table of what was sent and what came of it.
func printStory(w io.Writer, s story) {
	fmt.Fprintf(w, "Answered 202 after %s. From there to a readable thumbnail: %s, to the end: %s.\n\n", round(s.answered), round(s.thumbnail), round(s.finished))
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "VARIANT\tPIXELS\tSIZE\tSAVED\tURL")
	fmt.Fprintf(t, "(upload)\t%dx%d\t%s\t\t\n", s.image.Width, s.image.Height, size(s.image.Bytes))
	for _, l := range s.looks {
		if l.State != "ready" {
			fmt.Fprintf(t, "%s\t\t\t\t%v\n", l.Name, l.err)
			continue
		}
		fmt.Fprintf(t, "%s\t%dx%d\t%s\t%.1f %%\t%s\n", l.Name, l.Width, l.Height, size(l.Bytes), 100*(1-float64(l.Bytes)/float64(max(s.image.Bytes, 1))), l.URL)
	}
	_ = t.Flush()
}

// printCurl prints how to do the same by hand.
func printCurl(w io.Writer, base, file string, s story) {
	fmt.Fprintf(w, "\nThe same by hand:\n\n")
	fmt.Fprintf(w, "  curl -sF file=@%s %s/v1/images\n", file, base)
	fmt.Fprintf(w, "  curl -s '%s/v1/jobs/%s?wait=30'\n", base, s.job.ID)
	fmt.Fprintf(w, "  curl -s %s/v1/images/%s\n", base, s.job.ImageID)
	for _, l := range s.looks {
		if l.Name == "thumbnail" && l.URL != "" {
			fmt.Fprintf(w, "  curl -so thumbnail.webp '%s'\n", l.URL)
		}
	}
}

// size is for people: 1.4 MB.
func size(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
