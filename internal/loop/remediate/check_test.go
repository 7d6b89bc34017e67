package remediate_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond/diagnose"
)

func TestTriggerOfAnUnknownCauseIsAMistakeAtItsPlace(t *testing.T) {
	load := func(triggers string) (out []string) {
		text := "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\ntriggers:\n" + triggers + "---\n# Calm\n\n```starlark\nresolve(\"x\")\n```\n"
		c, _ := catalog.Load(fstest.MapFS{"calm.md": {Data: []byte(text)}})
		for _, p := range remediate.CheckRunbooks(c) {
			out = append(out, p.String())
		}
		return out
	}
	got := strings.Join(load("  - {cause: retry_strom}\n  - cause: crash\n  - service: cart\n    cause: weather\n"), "\n")
	want := `calm.md:6:13: there is no kind of cause named "retry_strom"; did you mean "retry_storm"?
calm.md:9:12: there is no kind of cause named "weather"; it is one of ` + strings.Join(diagnose.Kinds(), ", ")
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, kind := range diagnose.Kinds() {
		if ps := load("  - cause: " + kind + "\n"); len(ps) > 0 {
			t.Errorf("%s: %v", kind, ps)
		}
	}
}

// A kind that docs tell people about can be a trigger.
func TestKindsOfCausesAreThoseOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/incidents.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range diagnose.Kinds() {
		if !strings.Contains(string(page), "| `"+kind+"` |") {
			t.Errorf("docs/incidents.md does not have %s", kind)
		}
	}
}
