package slo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"nightkeeper/internal/loop/catalog"
)

// Bounds outside of which a target is more likely a slip than a promise.
const (
	lowTarget  = 0.5
	highTarget = 0.99999
)

// Lint returns warnings about objectives that can be read but will not do what people expect of them.
func Lint(c *catalog.Catalog) (out []catalog.Problem) {
	for _, name := range slices.Sorted(maps.Keys(c.SLOs)) {
		o := c.SLOs[name]
		warn := func(path, format string, args ...any) {
			out = append(out, c.Warn("SLO", name, path, format, args...))
		}
		if !(o.Target > 0 && o.Target < 1) || o.Window <= 0 {
			continue // a mistake that is told already
		}
		switch {
		case o.Target < lowTarget:
			warn("$.spec.objectives[0]", "the target is %s: most events may be bad. 99.9 %% is target: 0.999 or targetPercent: 99.9", percent(o.Target))
		case o.Target > highTarget:
			warn("$.spec.objectives[0]", "a target of %s allows %.1f s of outage in %s: it is spent before anybody can act", percent(o.Target), o.Budget()*o.Window.Seconds(), catalog.Duration(o.Window))
		}
		var never []string
		needs := 0.0
		for _, r := range For(o) {
			if r.Factor*o.Budget() >= 1 {
				never = append(never, fmt.Sprintf("%s (%.4g times)", r.Name, r.Factor))
				needs = max(needs, 1-1/r.Factor)
			}
			if r.Long > o.Window {
				warn("$.spec.timeWindow", "the rule %s looks at %s, more than the window of %s has: it fires when the budget has long been spent", r.Name, catalog.Duration(r.Long), catalog.Duration(o.Window))
			}
		}
		if len(never) > 0 {
			warn("$.spec.objectives[0]", "with a target of %s the budget cannot burn so fast that these rules fire: %s; all can above %s", percent(o.Target), strings.Join(never, ", "), percent(needs))
		}
		if deps := promises(c, o); len(deps) > 0 {
			product, names := 1.0, []string{}
			for _, d := range deps {
				product *= d.Target
				names = append(names, fmt.Sprintf("%s (%s)", d.Name, percent(d.Target)))
			}
			if o.Target > product {
				warn("$.spec.objectives[0]", "the target is %s, but what %s depends on allows %s when it needs all of it: %s", percent(o.Target), o.Service, percent(product), strings.Join(names, ", "))
			}
		}
	}
	return out
}

// promises returns what the services that an objective's service depends on promise of all their answers: of each the
// objective with the lowest target. An objective of some of the answers, of their speed or of time says nothing of the others.
func promises(c *catalog.Catalog, o *catalog.SLO) (out []*catalog.SLO) {
	s := c.Services[o.Service]
	if s == nil || !whole(o) {
		return nil
	}
	for _, dep := range s.DependsOn {
		var of []*catalog.SLO
		for _, x := range c.SLOs {
			if x.Service == dep && whole(x) && x.Target > 0 {
				of = append(of, x)
			}
		}
		if len(of) > 0 {
			out = append(out, slices.MinFunc(of, func(a, b *catalog.SLO) int {
				return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Name, b.Name))
			}))
		}
	}
	return out
}

func whole(o *catalog.SLO) bool {
	if m := o.Metrics; m != nil {
		return o.Slices == nil && len(m.Total.Match) == 0 && (m.Good == nil || m.Good.Threshold == 0) && (m.Bad == nil || m.Bad.Threshold == 0)
	}
	return o.Operation == "" && o.MaxDuration == 0 && o.Slices == nil
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 7, 64) + " %" }
