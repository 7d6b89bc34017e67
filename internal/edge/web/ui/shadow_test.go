package ui

import (
	"bytes"
	"strings"
	"testing"

	"nightkeeper/internal/loop/page"
)

// The report is read page by page, and says how much it has not kept.
func TestShadowReportIsReadPageByPage(t *testing.T) {
	rep := &page.ShadowReport{Rows: make([]page.Compared, 250), LeftOut: 7}
	f := func(from, rows int, has ...string) {
		t.Helper()
		var b bytes.Buffer
		if err := shadowBody(shadowData{Report: rep, From: from}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "<tr data-row"); got != rows {
			t.Errorf("from %d: %d rows, want %d", from, got, rows)
		}
		for _, want := range has {
			if !strings.Contains(b.String(), want) {
				t.Errorf("from %d: it lacks %s", from, want)
			}
		}
	}
	f(0, 100, "1 to 100 of 250", "7 more were left out", `href="/shadow?from=100"`)
	f(200, 50, "201 to 250 of 250", `href="/shadow?from=100"`)
	f(1000, 0, `rel="prev"`)
	rep = &page.ShadowReport{Rows: make([]page.Compared, 3)}
	f(0, 3, "what needs a look first")
}
