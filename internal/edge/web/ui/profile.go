package ui

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/observe"
)

// frame is one box of the picture of where the time goes: time spent under a name, below its parent.
type frame struct {
	Name  string
	Kind  string // service, operation, call, work, wait
	Total time.Duration
	Count int
	Kids  []*frame
}

func (f *frame) kid(name, kind string) *frame {
	for _, k := range f.Kids {
		if k.Name == name && k.Kind == kind {
			return k
		}
	}
	k := &frame{Name: name, Kind: kind}
	f.Kids = append(f.Kids, k)
	return k
}

// profileOf adds the spans of one service up: below each operation the time of its calls and waits, and as work of its
// own what no child covers. Spans of other services are not looked into: a call's time is its caller's wait.
func profileOf(service string, spans []observe.Span) *frame {
	root := &frame{Name: service, Kind: "service"}
	byParent := map[string][]*observe.Span{}
	for i := range spans {
		byParent[spans[i].ParentID] = append(byParent[spans[i].ParentID], &spans[i])
	}
	for i := range spans {
		sp := &spans[i]
		if sp.Kind != observe.Server && sp.Kind != observe.Consumer {
			continue
		}
		op := root.kid(sp.Name, "operation")
		descend(op, sp, byParent, 0)
		root.Total += sp.Duration
		root.Count++
	}
	rank(root)
	return root
}

// deepest bounds how far spans within a service are followed.
const deepest = 6

func descend(f *frame, sp *observe.Span, byParent map[string][]*observe.Span, depth int) {
	f.Total += sp.Duration
	f.Count++
	var children time.Duration
	if depth < deepest {
		for _, k := range byParent[sp.SpanID] {
			if k.Kind == observe.Server || k.Kind == observe.Consumer {
				continue
			}
			descend(f.kid(childName(k)), k, byParent, depth+1)
			children += k.Duration
		}
	}
	// Children that run side by side may take longer together than their parent: then none of its time is its own.
	if own := sp.Duration - children; own > 0 {
		w := f.kid(ownWork, "work")
		w.Total += own
		w.Count++
	}
}

func childName(sp *observe.Span) (name, kind string) {
	switch {
	case sp.Kind == observe.Client || sp.Kind == observe.Producer:
		if sp.Peer != "" {
			return "call " + sp.Peer, "call"
		}
		return sp.Name, "call"
	case strings.Contains(strings.ToLower(sp.Name), "pool"), strings.Contains(strings.ToLower(sp.Name), "queue"), strings.Contains(strings.ToLower(sp.Name), "acquire"):
		return sp.Name, "wait"
	}
	return sp.Name, "work"
}

// ownWork is what no child of a frame covers.
const ownWork = "own work"

// rank orders frames by time. A frame that has nothing but work of its own needs no box below it to say so.
func rank(f *frame) {
	if len(f.Kids) == 1 && f.Kids[0].Name == ownWork {
		f.Kids = nil
	}
	slices.SortFunc(f.Kids, func(a, b *frame) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	for _, k := range f.Kids {
		rank(k)
	}
}

// box is a frame in its place, in a picture 1000 wide.
type box struct {
	*frame
	Path  string
	X, W  float64
	Depth int
	Share float64
}

const flameWide = 1000.0

// boxes lays frames out from the root down. Children that ran side by side are drawn to scale among themselves.
func boxes(root *frame) []box {
	var out []box
	if root.Total == 0 {
		return nil
	}
	var place func(f *frame, path string, x, w float64, depth int)
	place = func(f *frame, path string, x, w float64, depth int) {
		out = append(out, box{f, path, x, w, depth, float64(f.Total) / float64(root.Total)})
		var sum time.Duration
		for _, k := range f.Kids {
			sum += k.Total
		}
		scale := w / float64(max(sum, f.Total))
		for _, k := range f.Kids {
			kw := float64(k.Total) * scale
			if kw >= 1 {
				place(k, path+" › "+k.Name, x, kw, depth+1)
			}
			x += kw
		}
	}
	place(root, root.Name, 0, flameWide, 0)
	return out
}

// widest returns the leaf that takes the most time.
func widest(bs []box) (box, bool) {
	var best box
	for _, b := range bs {
		if len(b.Kids) == 0 && b.Depth > 0 && b.Total > 0 && (best.frame == nil || b.Total > best.Total) {
			best = b
		}
	}
	return best, best.frame != nil
}

type profileData struct {
	Service string
	Window  window
	Boxes   []box
	Widest  box
	Found   bool
	Spans   int
	Cut     bool
	Problem string
}

// profileMost bounds how many spans a profile is added up from.
const profileMost = 5000

func (s *server) profilePage(r *http.Request) (view, error) {
	d := profileData{Service: r.PathValue("name"), Window: windowOf(r, 15*time.Minute, shellOf(r.Context()).Now)}
	spans, problem := s.spans(r.Context(), observe.Filter{Service: d.Service, From: d.Window.From, To: d.Window.To, Limit: profileMost})
	d.Problem, d.Spans, d.Cut = problem, len(spans), len(spans) >= profileMost
	d.Boxes = boxes(profileOf(d.Service, spans))
	d.Widest, d.Found = widest(d.Boxes)
	return view{Title: "Where the time goes in " + d.Service, Body: profileBody(d)}, nil
}

// depth returns how many rows the picture has.
func (d profileData) depth() int {
	most := 0
	for _, b := range d.Boxes {
		most = max(most, b.Depth)
	}
	return most + 1
}

// title names a box; work is whose.
func (b box) title() string {
	if b.Name != ownWork {
		return b.Name
	}
	parts := strings.Split(b.Path, " › ")
	return "own work in " + parts[max(len(parts)-2, 0)]
}

// spansWords says what a profile was added up from.
func spansWords(d profileData) string {
	out := "added up from " + plural(d.Spans, "span", "spans")
	if d.Cut {
		out += ", the newest ones; there are more"
	}
	return out
}

// label is as much of the name as fits into a box.
func (b box) label() string {
	n := int(b.W/8.2) - 1
	if n < 3 {
		return ""
	}
	return cut(b.Name, n)
}
