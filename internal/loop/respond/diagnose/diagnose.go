package diagnose

import (
	"cmp"
	"slices"

	"nightkeeper/internal/loop/observe/graph"
)

// Run weighs the scene and returns the ranked suspects.
func Run(s Scene) Diagnosis {
	c := newCast(s)
	var found []finding
	for _, n := range c.nodes {
		for _, f := range []*finding{crash(c, n), silent(c, n), hang(c, n), slow(c, n), failing(c, n), denying(c, n), corrupt(c, n), surge(c, n), pool(c, n)} {
			if f != nil {
				f.Service = n.name
				f.Score = clamp(f.Score)
				found = append(found, *f)
			}
		}
	}
	excuse(c, found)
	damp(c, found)
	cover(c, found)
	d := Diagnosis{At: s.Now, Onset: s.Onset, Suspects: merge(c, found)}
	d.Confidence = confidence(d.Suspects)
	d.Summary = summarise(d)
	return d
}

// Scores that matter: under leastScore a finding is not worth a line, from explains on it explains what its callers
// suffer, and from sure on it may be believed at once when nothing else comes near.
const (
	leastScore = 0.15
	explains   = 0.3
	likely     = 0.4
	sure       = 0.55
	ahead      = 1.15
)

// finding is the case against one service while it is being weighed.
type finding struct {
	Suspect
	symptom bool // load and waiting, which another service's trouble may explain
}

func clamp(x float64) float64 { return max(0, min(x, 1)) }

// excuse lowers what a surge explains: who gets far more requests than usual, behind an entry that does, is overloaded
// and not broken.
func excuse(c *cast, found []finding) {
	for _, entry := range found {
		if entry.Kind != TrafficSurge || entry.Score < likely {
			continue
		}
		behind := c.topology.Dependencies(entry.Service)
		for i := range found {
			f := &found[i]
			inside := f.Service == entry.Service || slices.Contains(behind, f.Service)
			if f.Kind != TrafficSurge && f.Kind != DataCorruption && inside && (f.symptom || f.Kind == Slow || f.Kind == RetryStorm || f.Kind == Crash) {
				f.Score *= 0.6
			}
		}
	}
}

// damp lowers what a worse dependency explains: a caller of the culprit shows symptoms too.
func damp(c *cast, found []finding) {
	score := map[string]float64{}
	for _, f := range found {
		if !f.symptom || f.Kind == Hang {
			score[f.Service] = max(score[f.Service], f.Score)
		}
	}
	for i := range found {
		f := &found[i]
		if f.Kind == TrafficSurge {
			continue
		}
		for _, callee := range c.callees[f.Service] {
			worse := score[callee] > f.Score || (f.symptom && score[callee] > explains)
			if worse && score[callee] > explains && c.suffers(graph.Edge{Client: f.Service, Server: callee}) {
				f.Score *= 0.6
				break
			}
		}
	}
}

// cover lowers suspects that most of the burning services do not depend on.
func cover(c *cast, found []finding) {
	if len(c.Burning) == 0 {
		return
	}
	for i := range found {
		f := &found[i]
		reach := c.topology.Dependents(f.Service)
		if f.Kind == TrafficSurge {
			reach = append(reach, c.topology.Dependencies(f.Service)...)
		}
		n := 0
		for _, b := range c.Burning {
			if b == f.Service || slices.Contains(reach, b) {
				n++
			}
		}
		f.Score *= 0.6 + 0.4*float64(n)/float64(len(c.Burning))
	}
}

// merge keeps the strongest finding of each service, adds the others' evidence to it, and sees a new version behind it.
func merge(c *cast, found []finding) []Suspect {
	found = slices.DeleteFunc(found, func(f finding) bool { return f.Score < leastScore })
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	})
	var out []Suspect
	for _, f := range found {
		i := slices.IndexFunc(out, func(o Suspect) bool { return o.Service == f.Service })
		if i < 0 {
			out = append(out, f.Suspect)
			continue
		}
		out[i].Evidence = append(out[i].Evidence, f.Evidence...)
	}
	for i := range out {
		deployed(c.Scene, &out[i])
	}
	slices.SortStableFunc(out, func(a, b Suspect) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), 5)]
}

func confidence(xs []Suspect) Confidence {
	switch {
	case len(xs) == 0:
		return Low
	case xs[0].Score >= sure && (len(xs) == 1 || xs[0].Score >= ahead*xs[1].Score):
		return High
	case xs[0].Score >= likely:
		return Medium
	}
	return Low
}
