package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

// policyPath is where a policy is shown.
func policyPath(name string) string { return "/policies/" + url.PathEscape(name) }

type policyData struct {
	page.PolicyView
	Course  page.Course
	Catalog *catalog.Catalog
	Rows    []courseRow
	Minutes []stripDay // the axis
}

// courseRow is one step as it is drawn, in per cent of the width.
type courseRow struct {
	Name string
	X, W float64 // from the step until the next
	Ends []float64
}

func (s *server) policyPage(r *http.Request) (view, error) {
	v, err := s.Page.Policy(r.Context(), r.PathValue("name"), shellOf(r.Context()).Now)
	if err != nil {
		return view{}, err
	}
	d := policyData{PolicyView: v, Course: v.Courses[0], Catalog: s.Catalog()}
	for _, c := range v.Courses {
		if string(c.Severity) == r.URL.Query().Get("severity") {
			d.Course = c
		}
	}
	d.draw()
	return view{Title: v.Title, Live: true, Body: policyBody(d)}, nil
}

var shortSpan = regexp.MustCompile(`\b(?:\d+h)?\d+[hm]\b`)

// spans writes the lengths of time in what a policy says of itself as pages write them: 1h30m is 1 h 30 min.
func spans(s string) string {
	return shortSpan.ReplaceAllStringFunc(s, func(m string) string {
		return strings.TrimSpace(strings.NewReplacer("h", " h ", "m", " min").Replace(m))
	})
}

// draw places the steps of the course on an axis of minutes.
func (d *policyData) draw() {
	long := d.Course.Round.D()
	for _, st := range d.Course.Steps {
		for _, p := range st.People {
			for _, c := range p.By {
				long = max(long, c.After.D())
			}
		}
	}
	if long <= 0 {
		return
	}
	x := func(at catalog.Duration) float64 { return 100 * float64(at.D()) / float64(long) }
	for i, st := range d.Course.Steps {
		next := d.Course.Round
		if i+1 < len(d.Course.Steps) {
			next = d.Course.Steps[i+1].After
		}
		row := courseRow{Name: "step " + number(int64(st.Step)), X: x(st.After), W: x(next) - x(st.After)}
		for _, p := range st.People {
			for _, c := range p.By {
				row.Ends = append(row.Ends, min(x(c.After), 99.2))
			}
		}
		d.Rows = append(d.Rows, row)
	}
	every := axisStep(long)
	for at := time.Duration(0); at < long; at += every {
		text := "0"
		if at > 0 {
			text = period(at)
		}
		d.Minutes = append(d.Minutes, stripDay{x(catalog.Duration(at)), text})
	}
}

// axisStep is how far the lines of an axis are apart, so that there are at most eight.
func axisStep(long time.Duration) time.Duration {
	for _, step := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if long <= 8*step {
			return step
		}
	}
	return 24 * time.Hour * time.Duration(1+long/(8*24*time.Hour))
}

func severityOptions(v page.PolicyView) []option {
	var out []option
	for _, c := range v.Courses {
		out = append(out, option{string(c.Severity), string(c.Severity), []string{"severity", string(c.Severity)}})
	}
	return out
}
