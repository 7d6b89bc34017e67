package catalog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// good is a catalog without a mistake, beside which each mistake is made.
var good = map[string]string{
	"good.yaml": `apiVersion: nightkeeper/v1
kind: Team
metadata: {name: shop}
spec: {members: [mira], escalationPolicy: default, manager: mira}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira, displayName: Mira Holm}
spec: {timeZone: Europe/Berlin, contacts: [{channel: email, address: mira@example.org}]}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec: {steps: [{targets: [{schedule: nights}]}, {after: 10m, targets: [{team: shop}]}], hold: {SEV1: 0s}}
---
apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: nights}
spec: {timeZone: Europe/Berlin, start: 2026-01-05T09:00, members: [mira]}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: checkout}
spec: {team: shop, tier: critical, revenuePerRequest: 1.5, currency: EUR}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-answers}
spec:
  service: checkout
  description: Checkout answers.
  budgetingMethod: Occurrences
  timeWindow: [{duration: 4w, isRolling: true}]
  objectives: [{displayName: good, targetPercent: 99.9}]
  indicator:
    metadata: {name: i}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: spans, spec: {service: checkout, operation: POST /pay, errors: false, maxDuration: 500ms}}}
        total: {metricSource: {type: spans, spec: {service: checkout, operation: POST /pay}}}
---
apiVersion: nightkeeper/v1
kind: ErrorBudgetPolicy
metadata: {name: general}
spec: {owner: mira, allow: [rollback]}
---
apiVersion: nightkeeper/v1
kind: Experiment
metadata: {name: slow-checkout}
spec: {hypothesis: nobody notices, target: checkout, fault: {kind: latency, latency: 200ms, share: 0.1}, duration: 5m, watch: [checkout-answers]}
`,
	"good.md":  "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\ntriggers: [{cause: retry_storm, service: checkout}]\n---\n# Calm a storm\n\n```starlark\nresolve(\"x\")\n```\n",
	"prose.md": "# No front matter, no runbook\n",
}

func load(files map[string]string) (*Catalog, []Problem) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Load(fsys)
}

// section is one file of an archive: text after a line "-- name --".
type section struct{ name, text string }

var marker = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

func sections(archive string) (comment string, out []section) {
	marks := marker.FindAllStringSubmatchIndex(archive, -1)
	comment = archive[:marks[0][0]]
	for i, m := range marks {
		end := len(archive)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		out = append(out, section{archive[m[2]:m[3]], archive[m[1]:end]})
	}
	return comment, out
}

func TestGoodCatalogHasNoProblem(t *testing.T) {
	c, ps := load(good)
	if len(ps) > 0 {
		t.Fatalf("problems: %v", ps)
	}
	o, s, r := c.SLOs["checkout-answers"], c.Schedules["nights"], c.Runbooks["good"]
	if o.Target < 0.99899 || o.Target > 0.99901 || o.Window != 4*week || o.Operation != "POST /pay" || o.MaxDuration.Milliseconds() != 500 {
		t.Errorf("SLO %+v", o)
	}
	if s.Turn.D() != week {
		t.Errorf("a turn is %s, want a week", s.Turn)
	}
	if r.Title() != "Calm a storm" || len(r.Blocks) != 1 || r.Blocks[0].Line != 10 || r.Blocks[0].Text != "resolve(\"x\")\n" || r.Approval.D().Minutes() != 5 {
		t.Errorf("runbook %+v", r)
	}
	if len(c.Hash) != 64 || len(c.Documents) != 9 || len(c.Runbooks) != 1 {
		t.Errorf("%d documents, hash %q", len(c.Documents), c.Hash)
	}
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	const file = "testdata/mistakes.txtar"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, all := sections(string(b))
	var out bytes.Buffer
	out.WriteString(comment)
	for i := 0; i < len(all); i++ {
		in := all[i]
		name, base := path.Split(in.name)
		files := map[string]string{}
		for k, v := range good {
			files[k] = v
		}
		if files[base] != "" {
			base = "sub/" + base
		}
		files[base] = in.text
		_, ps := load(files)
		var got strings.Builder
		for _, p := range ps {
			fmt.Fprintln(&got, p)
		}
		if got.Len() == 0 {
			t.Errorf("%s: no problem was found", name)
		}
		fmt.Fprintf(&out, "-- %s --\n%s-- %swant --\n%s", in.name, in.text, name, got.String())
		if i+1 == len(all) || all[i+1].name != name+"want" {
			if !*update {
				t.Errorf("%s: no want", name)
			}
			continue
		}
		if i++; !*update && all[i].text != got.String() {
			t.Errorf("%s:\n got %swant %s", name, got.String(), all[i].text)
		}
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEmptyDirectorySaysWhatBelongsThere(t *testing.T) {
	_, ps := load(map[string]string{"README.md": "# hello\n"})
	if len(Errors(ps)) != 1 || !strings.Contains(ps[0].Message, "no declarations found") {
		t.Errorf("%v", ps)
	}
}

func TestOversizedFileIsRefusedUnread(t *testing.T) {
	files := map[string]string{"big.yaml": "# " + strings.Repeat("x", maxFile) + "\n"}
	_, ps := load(files)
	if len(ps) == 0 || !strings.Contains(ps[0].Message, "over 4 MiB") {
		t.Errorf("%v", ps)
	}
}

func TestHiddenDirectoriesAndOtherFilesAreNotRead(t *testing.T) {
	files := map[string]string{".git/x.yaml": "{", "notes.txt": "{", "sub/.cache/y.yml": "{"}
	for k, v := range good {
		files[k] = v
	}
	if _, ps := load(files); len(ps) > 0 {
		t.Errorf("%v", ps)
	}
}

func TestHashFollowsTheText(t *testing.T) {
	a, _ := load(good)
	b, _ := load(good)
	changed := map[string]string{}
	for k, v := range good {
		changed[k] = v
	}
	changed["prose.md"] += "x"
	c, _ := load(changed)
	if a.Hash != b.Hash || a.Hash == c.Hash {
		t.Errorf("hashes %s, %s, %s", a.Hash, b.Hash, c.Hash)
	}
}

func TestWindowsLineEndsAreRead(t *testing.T) {
	files := map[string]string{}
	for k, v := range good {
		files[k] = strings.ReplaceAll(v, "\n", "\r\n")
	}
	c, ps := load(files)
	if len(ps) > 0 || len(c.Runbooks["good"].Blocks) != 1 {
		t.Errorf("%v", ps)
	}
}

// Nothing that stands behind an empty document is lost, and mistakes in it are named at their place.
func TestEmptyDocumentHidesNothing(t *testing.T) {
	const head = "apiVersion: nightkeeper/v1\nkind: Person\n"
	for _, empty := range []string{"---\n---\n", "---\n\n---\n", "---\n# nobody\n--- # really\n---\n", "---\r\n---\r\n"} {
		text := empty + head + "metadata: {name: a}\nspec: {}\n" + empty + head + "metadata: {name: b}\nspec: {wrong: 1}\n"
		c, ps := Load(fstest.MapFS{"a.yaml": &fstest.MapFile{Data: []byte(text)}})
		if c.People["a"] == nil || len(Errors(ps)) != 1 || Errors(ps)[0].Line != strings.Count(text, "\n") || Errors(ps)[0].Column != 8 {
			t.Errorf("%q: got %v and %v", text, c.People, ps)
		}
	}
}

// Who writes a document wrong in several places is told of all of them, and of those of its references.
func TestEveryFieldOfADocumentIsTold(t *testing.T) {
	_, ps := Load(fstest.MapFS{"a.yaml": &fstest.MapFile{Data: []byte(`apiVersion: nightkeeper/v1
kind: Schedule
metadata: {name: nights, colour: red}
owner: mira
spec:
  timezone: Europe/Berlin
  turn: banana
  noticeBefore: soon
  members: [mira]
---
apiVersion: nightkeeper/v1
kind: AlertRule
metadata: {name: db}
spec:
  order: first
  matches: ['team="db"']
  groupBy: [cluster]
`)}})
	var got []string
	for _, p := range Errors(ps) {
		got = append(got, fmt.Sprintf("%d:%d", p.Line, p.Column))
	}
	if want := "3:26 4:1 6:3 7:9 8:17 15:10 16:3"; strings.Join(got, " ") != want {
		t.Errorf("mistakes at %s, want %s: %v", got, want, ps)
	}
}

// Everything that cannot be read is said at once, however deep it is, with what was probably meant.
func TestAllMistakesOfADocumentAreNamedAtOnce(t *testing.T) {
	_, problems := load(map[string]string{"bad.yaml": `apiVersion: nightkeeper/v1
kind: Person
metadata:
  name: ada
  displayname: Ada
  anotations: {a: b}
spec:
  timezone: Europe/Berlin
  contacts:
    - {chanel: email, address: ada@example.org}
    - {channel: email, adress: ada@example.org, zebra: 1}
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: p}
spec:
  loops: many
  steps:
    - afer: 5m
      targets: [{person: ada}, {persn: ada}]
    - after: five
      targets: ada
  hold: {SEV1: soon}
  supportHours: {from: "09:00", to: "17:00", dayz: [mon]}
`, "bad.md": "---\nowner: ada\nrisk: low\nrisks: [low]\ntriggers: [{cuse: retry_storm}, {cause: crash, servce: x}]\n---\n# Calm\n"})
	var got []string
	for _, p := range problems {
		if strings.HasPrefix(p.File, "bad") {
			got = append(got, p.String())
		}
	}
	want := `bad.md:4:1: unknown field "risks"; did you mean risk?
bad.md:5:13: unknown field "cuse"; did you mean cause?
bad.md:5:48: unknown field "servce"; did you mean service?
bad.yaml:5:3: unknown field "displayname"; did you mean displayName?
bad.yaml:6:3: unknown field "anotations"; did you mean annotations?
bad.yaml:8:3: unknown field "timezone"; did you mean timeZone?
bad.yaml:10:8: unknown field "chanel"; did you mean channel?
bad.yaml:11:24: unknown field "adress"; did you mean address?
bad.yaml:11:49: unknown field "zebra"; there are address, channel
bad.yaml:17:10: cannot unmarshal string into int
bad.yaml:19:7: unknown field "afer"; did you mean after?
bad.yaml:20:33: unknown field "persn"; did you mean person?
bad.yaml:21:14: "five" is not a duration; write a number and a unit, such as 90s, 10m, 4h, 28d or "10 minutes"
bad.yaml:22:16: string was used where sequence is expected
bad.yaml:23:16: "soon" is not a duration; write a number and a unit, such as 90s, 10m, 4h, 28d or "10 minutes"
bad.yaml:24:46: unknown field "dayz"; did you mean days?`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}
