package remediate

import (
	"errors"
	"fmt"
	"slices"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate/script"
)

// CheckRunbooks looks at every runbook's script without running it: syntax, names, and the arguments of calls.
func CheckRunbooks(c *catalog.Catalog) []catalog.Problem {
	var out []catalog.Problem
	for _, r := range c.Runbooks {
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
		if a.File != b.File {
			if a.File < b.File {
				return -1
			}
			return 1
		}
		return a.Line - b.Line
	})
	return out
}
