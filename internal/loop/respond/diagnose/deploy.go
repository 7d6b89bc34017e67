package diagnose

import (
	"fmt"
	"time"

	"nightkeeper/internal/loop/observe/graph"
)

// deployWindow is how long before the trouble a new version is still suspected.
const deployWindow = 15 * time.Minute

// deployed turns a suspect into a bad deploy when a new version went out shortly before its trouble.
func deployed(s Scene, x *Suspect) {
	if x.Kind == DataCorruption || x.Kind == TrafficSurge {
		return
	}
	version, at := "", time.Time{}
	for v, seen := range s.Versions[x.Service] {
		if seen.After(at) {
			version, at = v, seen
		}
	}
	fresh := len(s.Versions[x.Service]) > 1 && inTime(s, at)
	for _, d := range s.Deploys {
		if d.Service != x.Service || !inTime(s, d.At) {
			continue
		}
		x.Version, x.Previous, x.Commit, x.Author = d.Version, d.PreviousVersion, d.Commit, d.Author
		x.Evidence = append(x.Evidence, Evidence{
			Text: fmt.Sprintf("version %s (commit %s by %s) was deployed at %s, %s before the first sign", d.Version, orNone(d.Commit), orNone(d.Author), clock(d.At), max(s.Onset.Sub(d.At), 0).Round(time.Second)),
			Link: "/services/" + x.Service,
		})
		fresh = true
	}
	if !fresh {
		return
	}
	if x.Version == "" {
		x.Version = version
		x.Evidence = append(x.Evidence, Evidence{Text: fmt.Sprintf("version %s first answered at %s", version, clock(at)), Link: "/services/" + x.Service})
	}
	if x.Previous == "" {
		x.Previous = before(s.Versions[x.Service], x.Version)
	}
	x.Kind = BadDeploy
	x.Score = clamp(x.Score + 0.15)
}

func inTime(s Scene, at time.Time) bool {
	return at.After(s.Onset.Add(-deployWindow)) && at.Before(s.Onset.Add(2*graph.Width))
}

func before(versions map[string]time.Time, version string) string {
	best, at := "", time.Time{}
	for v, seen := range versions {
		if v != version && !seen.Before(at) {
			best, at = v, seen
		}
	}
	return best
}
