package convert

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"nightkeeper/internal/loop/catalog"
)

var update = flag.Bool("update", false, "rewrite golden files")

// today is when the exports of the fixtures were made.
var today = time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)

var converters = map[string]func(Export, time.Time) (*Plan, error){"pagerduty": PagerDuty, "opsgenie": Opsgenie, "grafana-oncall": GrafanaOnCall}

// archive is a txtar file: a comment, and files between marks.
type archive struct {
	comment string
	names   []string
	files   map[string]string
}

func readArchive(t testing.TB, file string) archive {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := archive{files: map[string]string{}}
	name := ""
	for line := range strings.Lines(string(b)) {
		if mark, ok := strings.CutPrefix(line, "-- "); ok {
			if n, ok := strings.CutSuffix(strings.TrimSpace(mark), " --"); ok {
				name = n
				a.names = append(a.names, name)
				continue
			}
		}
		if name == "" {
			a.comment += line
		} else {
			a.files[name] += line
		}
	}
	return a
}

func (a archive) under(dir string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range a.files {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			fsys[rest] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return fsys
}

func (p *Plan) text() string {
	var b strings.Builder
	for _, r := range p.Rows {
		fmt.Fprintf(&b, "%s %q: %s: %s\n", r.Kind, r.Name, strings.Join(append([]string{}, r.Into...), ", "), r.State())
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "    %s\n", n)
		}
	}
	return b.String()
}

// loaded returns the catalog that a plan makes, which has no mistake.
func loaded(t testing.TB, p *Plan) *catalog.Catalog {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, f := range p.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Text}
	}
	c, problems := catalog.Load(fsys)
	if len(p.Files) == 0 {
		return c
	}
	for _, pr := range catalog.Errors(problems) {
		t.Errorf("%s\n%s", pr, fsys[pr.File])
	}
	return c
}

func fixture(t testing.TB, source string) (archive, *Plan) {
	t.Helper()
	a := readArchive(t, "testdata/"+source+".txtar")
	e, err := ReadExport(a.under("export"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := systems[source]; ok {
		if err := e.Expect(source); err != nil {
			t.Error(err)
		}
	}
	p, err := converters[source](e, today)
	if err != nil {
		t.Fatal(err)
	}
	return a, p
}

func TestGolden(t *testing.T) {
	for _, source := range slices.Sorted(maps.Keys(converters)) {
		t.Run(source, func(t *testing.T) {
			a, p := fixture(t, source)
			loaded(t, p)
			got := []File{{"plan.txt", []byte(p.text())}}
			for _, f := range p.Files {
				got = append(got, File{"catalog/" + f.Name, f.Text})
			}
			checkGolden(t, a, "testdata/"+source+".txtar", got)
		})
	}
}

func checkGolden(t *testing.T, a archive, file string, got []File) {
	t.Helper()
	if *update {
		var b bytes.Buffer
		b.WriteString(a.comment)
		for _, name := range a.names {
			if strings.HasPrefix(name, "export/") {
				fmt.Fprintf(&b, "-- %s --\n%s", name, a.files[name])
			}
		}
		for _, f := range got {
			fmt.Fprintf(&b, "-- %s --\n%s", f.Name, f.Text)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, f := range got {
		if want := a.files[f.Name]; string(f.Text) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", f.Name, f.Text, want)
		}
		delete(a.files, f.Name)
	}
	for name := range a.files {
		if !strings.HasPrefix(name, "export/") {
			t.Errorf("%s was not made", name)
		}
	}
}

// On every schedule of the fixtures the same people are on call as the other system says, for 90 days over changes of
// clocks. Where a rendering is a second off, that second is found.
func TestSamePeopleAreOnCall(t *testing.T) {
	for _, source := range slices.Sorted(maps.Keys(converters)) {
		_, p := fixture(t, source)
		c := loaded(t, p)
		for _, r := range p.Renderings {
			if r.To.Sub(r.From) != 90*24*time.Hour || len(r.Shifts) < 10 {
				t.Errorf("%s %s: got %s with %d shifts, want 90 days with shifts", source, r.Name, r.To.Sub(r.From), len(r.Shifts))
			}
			ds, err := Compare(c, r)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range ds {
				t.Errorf("%s %s: from %s to %s: %v there, %v here", source, r.Name, d.From, d.To, d.Theirs, d.Ours)
			}
			i := len(r.Shifts) / 2
			r.Shifts[i].From = r.Shifts[i].From.Add(-time.Second)
			ds, err = Compare(c, r)
			if err != nil || len(ds) != 1 || ds[0].To.Sub(ds[0].From) != time.Second || !slices.Contains(ds[0].Theirs, r.Shifts[i].Person) {
				t.Errorf("%s %s: a second too early: got %v, %v", source, r.Name, ds, err)
			}
		}
	}
}

func TestZonesOfRailsAreZones(t *testing.T) {
	names := RailsZones()
	if len(names) < 140 {
		t.Errorf("got %d names, want all of them", len(names))
	}
	for _, name := range names {
		if iana, _, ok := zone(name); !ok {
			t.Errorf("%s: %s is no time zone", name, iana)
		}
	}
	for name, want := range map[string]string{"Eastern Time (US & Canada)": "America/New_York", "Europe/Rome": "Europe/Rome", "": "UTC"} {
		if got, _, _ := zone(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"Local", "Mars"} {
		if _, _, ok := zone(name); ok {
			t.Errorf("%s is a zone", name)
		}
	}
}

func TestExportIsReadAsFilesAndAsOne(t *testing.T) {
	a := readArchive(t, "testdata/pagerduty.txtar")
	one, err := ReadFile([]byte(`{"users": [{"id": "U"}], "overrides": {"S": [{"id": "O"}]}, "schedules": {"schedules": [{"id": "S"}]}, "window": {"from": "2026-02-02T00:00:00Z"}}`))
	if err != nil {
		t.Fatal(err)
	}
	many, err := ReadExport(fstest.MapFS{
		"users-2.json": {Data: []byte(`{"users": [{"id": "U"}], "more": false}`)}, "overrides/S.json": {Data: []byte(`[{"id": "O"}]`)},
		"schedules/S.json": {Data: []byte(`{"schedule": {"id": "S"}}`)}, "window.json": {Data: []byte(`{"from": "2026-02-02T00:00:00Z"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"users", "overrides", "schedules", "window"} {
		if len(one[kind]) != 1 || len(many[kind]) != 1 {
			t.Errorf("%s: got %d and %d, want 1 each", kind, len(one[kind]), len(many[kind]))
		}
	}
	if one["overrides"][0].Of != "S" || many["overrides"][0].Of != "S" {
		t.Errorf("got the overrides of %q and %q", one["overrides"][0].Of, many["overrides"][0].Of)
	}
	if e, err := ReadExport(a.under("export")); err != nil || len(e["schedules"]) != 4 {
		t.Errorf("got %d schedules, %v; want 4", len(e["schedules"]), err)
	}
	if _, err := ReadExport(fstest.MapFS{"users.json": {Data: []byte(`{"users": [`)}}); err == nil {
		t.Error("broken JSON is read")
	}
	if _, err := ReadExport(fstest.MapFS{}); err == nil {
		t.Error("an empty directory is read")
	}
}

// Whatever an export says, what is written is a good catalog or an error.
func fuzzSource(f *testing.F, source string) {
	a := readArchive(f, "testdata/"+source+".txtar")
	e, err := ReadExport(a.under("export"))
	if err != nil {
		f.Fatal(err)
	}
	var one bytes.Buffer
	one.WriteString("{")
	for i, kind := range sortedKeys(e) {
		if i > 0 {
			one.WriteString(",")
		}
		fmt.Fprintf(&one, "%q:[", kind)
		for k, item := range e[kind][:min(2, len(e[kind]))] {
			if k > 0 {
				one.WriteString(",")
			}
			one.Write(item.JSON)
		}
		one.WriteString("]")
	}
	one.WriteString("}")
	f.Add(one.Bytes())
	f.Add([]byte(`{"users":[{"id":"A","name":"- a: b","email":"x"}],"teams":[{"id":"T","name":"\u0000\u2028null"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ReadFile(b)
		if err != nil {
			return
		}
		p, err := converters[source](e, today)
		if err != nil {
			return
		}
		c := loaded(t, p)
		for _, r := range p.Renderings {
			if r.To.Sub(r.From) > 100*24*time.Hour {
				continue
			}
			if _, err := Compare(c, r); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzPagerDuty(f *testing.F)     { fuzzSource(f, "pagerduty") }
func FuzzOpsgenie(f *testing.F)      { fuzzSource(f, "opsgenie") }
func FuzzGrafanaOnCall(f *testing.F) { fuzzSource(f, "grafana-oncall") }
