package convert

import (
	"cmp"
	"maps"
	"slices"
)

// ladder builds an escalation policy from pages and waits in their order.
type ladder struct {
	row   *Row
	steps []stepSpec
	pause int // minutes since the last step
}

// page adds targets: to the last step when nobody waited since, else as a step.
func (l *ladder) page(ts []targetSpec) {
	if len(ts) == 0 {
		return
	}
	if n := len(l.steps); n > 0 && l.pause == 0 {
		for _, t := range ts {
			if !slices.Contains(l.steps[n-1].Targets, t) {
				l.steps[n-1].Targets = append(l.steps[n-1].Targets, t)
			}
		}
		return
	}
	s := stepSpec{Targets: slices.Compact(ts)}
	if len(l.steps) > 0 {
		s.After = minutes(l.pause)
	} else if l.pause > 0 {
		l.row.note("the first step waits %s; here it is taken at once", minutes(l.pause))
	}
	l.steps = append(l.steps, s)
	l.pause = 0
}

func (l *ladder) wait(n int) { l.pause = min(l.pause+max(n, 0), 1<<20) }

// write adds the policy and returns its name, or "" when it pages nobody.
func (l *ladder) write(p *Plan, title, id string, loops int, failed *error) string {
	if len(l.steps) == 0 {
		l.row.note("no step pages anybody; a policy for nobody cannot be written")
		return ""
	}
	if loops > 9 {
		l.row.note("its steps are taken %d times; here 9 times, which is the most", loops)
	}
	loops = min(max(loops, 1), 9)
	if loops > 1 && l.pause > 0 {
		l.steps[0].After = minutes(l.pause) // how long the policy waits before it begins again
	}
	name := p.name("EscalationPolicy", title, id)
	*failed = cmp.Or(*failed, p.document("EscalationPolicy", name, title, l.row, policySpec{Loops: loops, Steps: l.steps}))
	return name
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
