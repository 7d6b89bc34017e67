package catalog

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sane checks what must hold of any catalog, whatever was read.
func sane(t *testing.T, c *Catalog, ps []Problem) {
	t.Helper()
	for _, p := range ps {
		if p.Line < 1 || p.Column < 1 || p.Message == "" {
			t.Fatalf("a problem without a place or a message: %+v", p)
		}
	}
	if len(Errors(ps)) > 0 {
		return
	}
	if _, err := json.Marshal(c); err != nil {
		t.Fatalf("a catalog in force cannot be shown: %v", err)
	}
	for _, o := range c.SLOs {
		if !(o.Budget() > 0 && o.Budget() < 1) || o.Window <= 0 || o.MaxDuration < 0 || c.Services[o.Service] == nil {
			t.Fatalf("SLO %+v", o)
		}
	}
	for _, p := range c.Policies {
		if len(p.Steps) == 0 || p.Loops < 1 {
			t.Fatalf("policy %+v", p)
		}
		for i, s := range p.Steps {
			if i > 0 && s.After <= 0 {
				t.Fatalf("policy %+v", p)
			}
		}
	}
	for _, s := range c.Schedules {
		for _, l := range s.AsLayers() {
			if len(l.Members) == 0 || (l.Turn.D() <= 0 && l.Turn.Months <= 0) || l.Start == "" {
				t.Fatalf("schedule %+v", s)
			}
			for _, c := range l.Members {
				if len(c) == 0 {
					t.Fatalf("schedule %+v", s)
				}
			}
			for _, r := range l.Restrictions {
				if w, err := r.Windows(); err != nil || len(w) == 0 {
					t.Fatalf("schedule %+v: %v", s, err)
				}
			}
		}
	}
}

func FuzzLoadYAML(f *testing.F) {
	for _, doc := range strings.SplitAfter(good["good.yaml"], "---\n") {
		f.Add(doc)
	}
	b, err := os.ReadFile("testdata/mistakes.txtar")
	if err != nil {
		f.Fatal(err)
	}
	_, all := sections(string(b))
	for _, s := range all {
		if strings.HasSuffix(s.name, ".yaml") {
			f.Add(s.text)
		}
	}
	f.Add("apiVersion: nightkeeper/v1\nkind: Schedule\nmetadata: {name: s}\nspec:\n  layers:\n  - name: a\n    start: 2026-01-05T09:00\n    members: [mira, [mira, mira]]\n    restrictions: [{days: [mon], from: 09:00, to: 17:00}, {from: fri 17:00, to: mon 09:00}]\n")
	f.Add(pasted)
	f.Add(pastedRegions)
	f.Add("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec:\n  objectives: !0\nb")
	f.Add("services: &s [{name: *s}]\nschedules: {a: &a {layers: *a}, b: null}\nescalation_policies: {? [a] : {rules: [{targets: [{type: user, id: a@b}]}]}}\n")
	f.Add("a: &a [*a]\n")
	f.Add("a: &a {b: *a}\nkind: *a\n")
	f.Add("%YAML 1.2\n---\n? {a: b}\n: c\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, ps := load(map[string]string{"x.yaml": text, "good.md": good["good.md"]})
		sane(t, c, ps)
	})
}

func FuzzRunbook(f *testing.F) {
	f.Add(good["good.md"])
	f.Add("---\nowner: shop\n---\n````starlark\na\n```\nb\n````\n\n- item\n\n  ```starlark\n  c\n  ```\n")
	f.Add("---\n---\n")
	f.Add("---\nowner: x\n---")
	f.Add("---\r\nowner: x\r\n---\r\n~~~starlark\r\nx\r\n~~~\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, ps := load(map[string]string{"x.md": text, "good.yaml": good["good.yaml"]})
		sane(t, c, ps)
		r := c.Runbooks["x"]
		if r == nil {
			return
		}
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		for _, b := range r.Blocks {
			first, _, _ := strings.Cut(b.Text, "\n")
			if b.Line < 1 || b.Line > len(lines) || !strings.Contains(lines[b.Line-1], strings.TrimSpace(first)) {
				t.Fatalf("block %q is said to begin at line %d", b.Text, b.Line)
			}
		}
	})
}

// OpenSLO documents of others: most count what is not understood here. None may end in a panic, and each refusal says why.
func TestDocumentsOfOthersAreReadOrRefusedWithAReason(t *testing.T) {
	const env = "NIGHTKEEPER_TEST_OPENSLO"
	dir := cmp.Or(os.Getenv(env), "../../../../shared/data/slo/openslo")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("set %s to a directory with OpenSLO documents", env)
	}
	n := 0
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		n++
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		c, ps := load(map[string]string{"x.yaml": string(b), "good.yaml": good["good.yaml"]})
		sane(t, c, ps)
		if len(Errors(ps)) == 0 && len(c.Documents) == 8 {
			t.Errorf("%s: neither read nor refused", name)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d documents, %v", n, err)
	}
}

func TestStrictOpenSLOIsRead(t *testing.T) {
	f := func(spec string, ok bool) {
		t.Helper()
		files := map[string]string{"good.yaml": good["good.yaml"], "x.yaml": "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: x, displayName: X, labels: {a: b}, annotations: {c: d}}\nspec:\n  service: checkout\n" + spec}
		_, ps := load(files)
		if got := len(Errors(ps)) == 0; got != ok {
			t.Errorf("read %v, want %v: %v\n%s", got, ok, ps, spec)
		}
	}
	const indicator = "  indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true, good: {metricSource: {type: spans, spec: {errors: false}}}, total: {metricSource: {type: spans}}}}}\n"
	f("  objectives: [{target: 0.999}]\n"+indicator, true)
	f("  objectives: [{displayName: d, targetPercent: 99.95}]\n  timeWindow: [{duration: 30d, isRolling: true}]\n  budgetingMethod: Occurrences\n  description: d\n"+indicator, true)
	f("  objectives: [{target: 0.999, timeSliceTarget: 0.9}]\n"+indicator, false)
	f("  objectives: [{target: 0.999}]\n  alertPolicies: [x]\n"+indicator, false)
	f("  objectives: [{target: 0.999}]\n  indicatorRef: x\n", false)
	f("  objectives: [{target: 0.999}]\n  timeWindow: [{duration: 1M, calendar: {startTime: 2020-01-21 12:30:00, timeZone: America/New_York}}]\n"+indicator, true)
	f("  objectives: [{target: 0.999}]\n  budgetingMethod: RatioTimeslices\n"+indicator, false)
}
