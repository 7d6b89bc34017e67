package page

import (
	"fmt"
	"strings"
	"time"
)

// Markdown writes the report for people.
func (r ShadowReport) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Nightkeeper beside %s\n\n%s\n\n", cell(r.Source), cell(r.Verdict))
	fmt.Fprintf(&b, "From %s to %s UTC, made by %s on %s.", stamp(r.From), stamp(r.To), cell(r.By), stamp(r.At))
	if !r.Shadow {
		b.WriteString(" The server did not run as a shadow: it paged too.")
	}
	fmt.Fprintf(&b, "\n\n| | |\n| --- | ---: |\n| incidents there | %d |\n| pages here | %d |\n| the same people within a minute | %d |\n| differ | %d |\n| only there | %d |\n| only here | %d |\n| not said whom it told | %d |\n",
		r.There, r.Here, r.Same, r.Differ, r.OnlyTheirs, r.OnlyOurs, r.Untold)
	if r.Groups > 0 {
		fmt.Fprintf(&b, "| pages here that were several incidents there | %d, of %d |\n", r.Groups, r.Grouped)
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "\nNot in the catalog: %s.\n", cell(strings.Join(r.Unknown, ", ")))
	}
	if len(r.Rows) == 0 {
		return b.String()
	}
	b.WriteString("\n| when (UTC) | what | outcome | told there | told here | first word | |\n| --- | --- | --- | --- | --- | ---: | --- |\n")
	for _, row := range r.Rows {
		what := row.Title
		if row.Service != "" && !strings.Contains(what, row.Service) {
			what = row.Service + ": " + what
		}
		notes := row.Why
		if n := len(row.Theirs); n > 1 {
			notes = append([]string{fmt.Sprintf("%d incidents there", n)}, notes...)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", stamp(row.At), cell(what), row.Outcome, cell(row.who(row.There, row.Outcome == Untold)), cell(row.who(row.Here, false)), row.Delay(), cell(strings.Join(notes, "; ")))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(&b, "\n%d more were left out: compare a shorter time.\n", r.LeftOut)
	}
	return b.String()
}

// Delay says how much later or earlier the first person was told here; empty when nobody was on one side.
func (c Compared) Delay() string {
	if c.Later == nil {
		return ""
	}
	return fmt.Sprintf("%+.0f s", *c.Later)
}

// who lists people with how long after the beginning they were told.
func (c Compared) who(told []ToldAt, unsaid bool) string {
	if unsaid {
		return "not said"
	}
	if len(told) == 0 {
		return "nobody"
	}
	out := make([]string, len(told))
	for i, t := range told {
		out[i] = fmt.Sprintf("%s %s", t.Person, t.At.UTC().Format("15:04:05"))
	}
	return strings.Join(out, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// cell keeps a text within one cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}
