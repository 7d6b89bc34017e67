package ui

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

// Every fact that a phase emits has a sign on a timeline: docs/flow.txt has them all.
func TestEveryFactHasASign(t *testing.T) {
	flow, err := os.ReadFile("../../../../docs/flow.txt")
	if err != nil {
		t.Fatal(err)
	}
	sign := func(name string) string {
		var b bytes.Buffer
		if err := glyph(name).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	none := sign("there is no such sign")
	kinds := regexp.MustCompile(`(?m)^  ([a-z]+\.[a-z_]+)`).FindAllSubmatch(flow, -1)
	if len(kinds) < 80 {
		t.Fatalf("%d kinds in docs/flow.txt", len(kinds))
	}
	for _, k := range kinds {
		if kind := string(k[1]); sign(factSign(kind)) == none {
			t.Errorf("%s has no sign", kind)
		}
	}
}
