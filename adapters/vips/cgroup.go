package vips

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// controlled is how much memory the control groups of this process let it have, of
// either version: the least that any group on the way to the root allows. In a
// container the root is the container's own, and what is said of the way there may
// lie outside.
func controlled(system fs.FS) int64 {
	least := int64(math.MaxInt64)
	look := func(dir, way, file string) {
		for {
			if n, err := strconv.ParseInt(word(system, path.Join(dir, way, file)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
			if way == "/" || way == "." {
				return
			}
			way = path.Dir(way)
		}
	}
	look("sys/fs/cgroup", "/", "memory.max")
	look("sys/fs/cgroup/memory", "/", "memory.limit_in_bytes")
	for line := range strings.Lines(text(system, "proc/self/cgroup")) {
		// 0::/way of version 2, 4:memory:/way of version 1
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[1] == "":
			look("sys/fs/cgroup", path.Clean("/"+parts[2]), "memory.max")
		case strings.Contains(","+parts[1]+",", ",memory,"):
			look("sys/fs/cgroup/memory", path.Clean("/"+parts[2]), "memory.limit_in_bytes")
		}
	}
	return least
}

func word(system fs.FS, name string) string { return strings.TrimSpace(text(system, name)) }

// text is what a file holds; one that is not there holds nothing.
func text(system fs.FS, name string) string {
	b, _ := fs.ReadFile(system, name)
	return string(b)
}
