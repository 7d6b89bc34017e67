package prevent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/respond"
)

// watched is a watched objective before the fault.
type watched struct {
	name, service string
	known         bool
	objective     float64
	minute        slo.Counts // events of the last minute
	spent         float64    // share of its budget
}

// ground is what pre-flight looks at.
type ground struct {
	experiment Experiment
	known      bool   // the target is in the catalog
	control    string // base URL of the target's control API
	others     []RunID
	incidents  []respond.Incident // open ones
	firing     []detect.Alert
	watched    []watched
}

// preflight returns every check, in the order in which people should read them.
func preflight(g ground) []Check {
	e := g.experiment
	touched := []string{e.Target}
	for _, w := range g.watched {
		touched = append(touched, w.service)
	}
	return []Check{
		check("target", g.known, e.Target+" is in the catalog", "there is no service named "+e.Target+" in the catalog"),
		check("control", g.control != "", "a fault can be made at "+g.control, e.Target+" has no control URL: nothing could make or end a fault"),
		check("alone", len(g.others) == 0, "no other experiment is under way", fmt.Sprintf("another experiment is under way: %s", join(g.others))),
		quiet(g, touched),
		alerts(g, touched),
		traffic(g),
		healthy(g),
		budget(g),
	}
}

func check(name string, ok bool, yes, no string) Check {
	if ok {
		return Check{name, true, yes}
	}
	return Check{name, false, no}
}

func join[T ~string](ss []T) string {
	out := make([]string, len(ss))
	for k, s := range ss {
		out[k] = string(s)
	}
	return strings.Join(out, ", ")
}

func quiet(g ground, touched []string) Check {
	var bad []string
	for _, i := range g.incidents {
		if slices.ContainsFunc(touched, func(s string) bool { return touches(i, s) || slices.Contains(i.Affected, s) }) {
			bad = append(bad, string(i.ID))
		}
	}
	return check("incidents", len(bad) == 0, "no open incident touches the target or what is watched", "open incidents touch the target or what is watched: "+strings.Join(bad, ", "))
}

// touches reports whether a service burns in an incident or is its cause.
func touches(i respond.Incident, service string) bool {
	return i.Service == service || slices.Contains(i.Burning, service) || (i.Cause != nil && i.Cause.Service == service)
}

func alerts(g ground, touched []string) Check {
	var bad []string
	for _, a := range g.firing {
		if slices.Contains(touched, a.Service) {
			bad = append(bad, a.SLO)
		}
	}
	return check("alerts", len(bad) == 0, "no alert fires on the target or what is watched", "alerts fire: "+strings.Join(bad, ", "))
}

func traffic(g ground) Check {
	if len(g.watched) == 0 {
		return Check{"traffic", false, "nothing is watched: nothing could end the fault early or prove anything"}
	}
	var seen, blind []string
	for _, w := range g.watched {
		switch {
		case !w.known:
			blind = append(blind, w.name+" is not in the catalog")
		case w.minute.Total == 0:
			blind = append(blind, w.name+" saw no event in the last minute")
		default:
			seen = append(seen, fmt.Sprintf("%s %d events", w.name, w.minute.Total))
		}
	}
	return check("traffic", len(blind) == 0, "seen in the last minute: "+strings.Join(seen, ", "), strings.Join(blind, "; "))
}

func healthy(g ground) Check {
	var bad, good []string
	for _, w := range g.watched {
		if !w.known || w.minute.Total == 0 {
			continue
		}
		burn := w.minute.BadShare() / max(1-w.objective, 1e-9)
		text := fmt.Sprintf("%s burns %.1f (%d of %d bad)", w.name, burn, w.minute.Bad(), w.minute.Total)
		if slo.Calm(w.minute, 1-w.objective) {
			good = append(good, text)
		} else {
			bad = append(bad, text)
		}
	}
	return check("healthy", len(bad) == 0, "in the last minute: "+strings.Join(good, ", "), "not healthy before anything was done: "+strings.Join(bad, ", "))
}

func budget(g ground) Check {
	var bad, good []string
	for _, w := range g.watched {
		text := fmt.Sprintf("%s %.0f %% spent", w.name, 100*w.spent)
		if w.spent >= 1 {
			bad = append(bad, text)
		} else if w.known {
			good = append(good, text)
		}
	}
	return check("budget", len(bad) == 0, strings.Join(good, ", "), "no budget left to risk: "+strings.Join(bad, ", "))
}

// refusal returns why pre-flight forbids a fault, or "" when it does not.
func refusal(cs []Check) string {
	var no []string
	for _, c := range cs {
		if !c.OK {
			no = append(no, c.Text)
		}
	}
	return strings.Join(no, "; ")
}

// calm reports whether every objective is met again after a fault that ended at a time: over the last ten seconds, or
// since the end when nothing happened in these.
func calm(ws []watched, recent, since map[string]slo.Counts) bool {
	for _, w := range ws {
		if !w.known {
			continue
		}
		c := recent[w.name]
		if c.Total == 0 {
			c = since[w.name]
		}
		if !slo.Calm(c, 1-w.objective) {
			return false
		}
	}
	return len(ws) > 0
}

// recently is the window that must be calm.
const recently = 10 * time.Second
