package remediate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nightkeeper/internal/kit/near"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond/diagnose"
)

// CheckRunbooks looks at every runbook's triggers, and at its script without running it: syntax, names, and the
// arguments of calls.
func CheckRunbooks(c *catalog.Catalog) []catalog.Problem {
	var out []catalog.Problem
	for _, r := range c.Runbooks {
		out = append(out, checkTriggers(r)...)
		src := sourceOf(r)
		if len(src.Blocks) == 0 {
			continue
		}
		err := script.Check(src, Builtins())
		var ps script.Problems
		switch {
		case errors.As(err, &ps):
			for _, p := range ps {
				out = append(out, catalog.Problem{File: p.File, Line: p.Line, Column: p.Col, Message: p.Message})
			}
		case err != nil:
			out = append(out, catalog.Problem{File: r.File, Line: 1, Column: 1, Message: fmt.Sprint(err)})
		}
	}
	slices.SortFunc(out, func(a, b catalog.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// checkTriggers finds kinds of causes that no diagnosis names: such a runbook would never run.
func checkTriggers(r *catalog.Runbook) (out []catalog.Problem) {
	kinds := diagnose.Kinds()
	for _, t := range r.Triggers {
		if t.Cause == "" || slices.Contains(kinds, t.Cause) {
			continue
		}
		hint := "; it is one of " + strings.Join(kinds, ", ")
		if best := near.To(t.Cause, kinds); best != "" {
			hint = fmt.Sprintf("; did you mean %q?", best)
		}
		out = append(out, catalog.Problem{File: r.File, Line: max(t.Line, 1), Column: max(t.Column, 1),
			Message: fmt.Sprintf("there is no kind of cause named %q%s", t.Cause, hint)})
	}
	return out
}
