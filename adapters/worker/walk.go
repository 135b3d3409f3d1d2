package worker

import "imgd/ports"

// walk goes along the objects of a store, group by group.
type walk struct {
	next   func() (ports.Entry, error, bool)
	ahead  ports.Entry
	loaded bool
	ended  bool
}

// group returns the objects of the next group, unless that lies beyond the wanted
// one, and the group's name. An empty wanted lies beyond everything.
func (w *walk) group(wanted string) (entries []ports.Entry, name string, err error) {
	for {
		if err := w.load(); err != nil {
			return nil, "", err
		}
		if w.ended {
			return entries, name, nil
		}
		at := groupOf(w.ahead.Key)
		if len(entries) == 0 {
			if wanted != "" && at > wanted {
				return nil, at, nil
			}
			name = at
		}
		if at != name {
			return entries, name, nil
		}
		entries, w.loaded = append(entries, w.ahead), false
	}
}

// load looks one object ahead.
func (w *walk) load() (err error) {
	if w.loaded || w.ended {
		return nil
	}
	e, err, more := w.next()
	w.ahead, w.loaded, w.ended = e, more, !more
	return err
}
