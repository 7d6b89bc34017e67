package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"nightkeeper/internal/loop/catalog"
)

// State says how well something fits.
type State string

// States of a row.
const (
	Same      State = "same"
	Changed   State = "changed"
	NotMapped State = "not mapped"
)

// Row is one thing of the other system and what became of it.
type Row struct {
	Kind  string   `json:"kind"`
	ID    string   `json:"id,omitempty"`
	Name  string   `json:"name"`
	Into  []string `json:"into"` // such as "Schedule primary"
	Notes []string `json:"notes"`
}

// State returns how well it fits: Same without notes, NotMapped when it became nothing.
func (r *Row) State() State {
	switch {
	case len(r.Into) == 0:
		return NotMapped
	case len(r.Notes) > 0:
		return Changed
	}
	return Same
}

func (r *Row) note(format string, args ...any) {
	if n := clean(fmt.Sprintf(format, args...)); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// Shift is who the other system says is on call.
type Shift struct {
	Person   string
	From, To time.Time
}

// Rendering is what the other system says of one of its schedules between two times, and which of ours it became. With
// several of ours, everybody on one of them is on call.
type Rendering struct {
	Name      string
	Schedules []string
	From, To  time.Time
	Shifts    []Shift
}

// File is a file of the catalog.
type File struct {
	Name string
	Text []byte
}

// Plan is what an export becomes.
type Plan struct {
	Source     string
	Rows       []*Row
	Files      []File
	Renderings []Rendering
	Unseen     []string // schedules of which the other system does not say who is on call

	docs  []document
	used  map[string]bool
	now   time.Time
	named map[string]*catalog.Schedule
}

type document struct {
	kind string
	text []byte
}

// Documents of a catalog, as they are written.
type (
	head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
		Spec       any    `yaml:"spec"`
	}
	meta struct {
		Name        string            `yaml:"name"`
		DisplayName string            `yaml:"displayName,omitempty"`
		Annotations map[string]string `yaml:"annotations,omitempty"`
	}
	personSpec struct {
		TimeZone string       `yaml:"timeZone,omitempty"`
		Contacts []contact    `yaml:"contacts,omitempty"`
		Notify   []notifyRule `yaml:"notify,omitempty"`
	}
	contact struct {
		Channel string `yaml:"channel"`
		Address string `yaml:"address"`
	}
	notifyRule struct {
		Channel    string   `yaml:"channel"`
		After      string   `yaml:"after,omitempty"`
		Severities []string `yaml:"severities,omitempty"`
	}
	teamSpec struct {
		Members          []string `yaml:"members,omitempty"`
		EscalationPolicy string   `yaml:"escalationPolicy,omitempty"`
	}
	serviceSpec struct {
		Team             string `yaml:"team"`
		Description      string `yaml:"description,omitempty"`
		EscalationPolicy string `yaml:"escalationPolicy,omitempty"`
	}
	scheduleSpec struct {
		TimeZone  string         `yaml:"timeZone"`
		Layers    []layerSpec    `yaml:"layers"`
		Overrides []overrideSpec `yaml:"overrides,omitempty"`
	}
	layerSpec struct {
		Name         string            `yaml:"name"`
		TimeZone     string            `yaml:"timeZone,omitempty"`
		Start        string            `yaml:"start"`
		Turn         string            `yaml:"turn"`
		From         string            `yaml:"from,omitempty"`
		Until        string            `yaml:"until,omitempty"`
		Members      []any             `yaml:"members"`
		Restrictions []restrictionSpec `yaml:"restrictions,omitempty"`
	}
	restrictionSpec struct {
		Days []string `yaml:"days,omitempty"`
		From string   `yaml:"from"`
		To   string   `yaml:"to"`
	}
	overrideSpec struct {
		People  []string `yaml:"people"`
		Instead string   `yaml:"instead,omitempty"`
		From    string   `yaml:"from"`
		To      string   `yaml:"to"`
		Reason  string   `yaml:"reason,omitempty"`
	}
	policySpec struct {
		Loops        int        `yaml:"loops"`
		SupportHours *hoursSpec `yaml:"supportHours,omitempty"`
		Steps        []stepSpec `yaml:"steps"`
	}
	hoursSpec struct {
		Days       []string `yaml:"days,omitempty"`
		From       string   `yaml:"from"`
		To         string   `yaml:"to"`
		TimeZone   string   `yaml:"timeZone,omitempty"`
		Severities []string `yaml:"severities"`
	}
	stepSpec struct {
		After   string       `yaml:"after,omitempty"`
		Targets []targetSpec `yaml:"targets"`
	}
	targetSpec struct {
		Person   string `yaml:"person,omitempty"`
		Schedule string `yaml:"schedule,omitempty"`
		Team     string `yaml:"team,omitempty"`
	}
)

func newPlan(source string, now time.Time) *Plan {
	return &Plan{Source: source, Rows: []*Row{}, used: map[string]bool{}, now: now, named: map[string]*catalog.Schedule{}}
}

func (p *Plan) row(kind, id, name string) *Row {
	r := &Row{Kind: kind, ID: clean(id), Name: clean(cmp.Or(name, id)), Into: []string{}, Notes: []string{}}
	p.Rows = append(p.Rows, r)
	return r
}

var notInName = regexp.MustCompile(`[^a-z0-9._]+`)

// letters that names write without their marks.
var letters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "ø", "o", "å", "a", "á", "a", "à", "a", "â", "a",
	"ã", "a", "ą", "a", "ç", "c", "č", "c", "ć", "c", "é", "e", "è", "e", "ê", "e", "ë", "e", "ę", "e", "ě", "e", "í", "i", "ì", "i", "î", "i",
	"ï", "i", "ı", "i", "ł", "l", "ñ", "n", "ń", "n", "ó", "o", "ò", "o", "ô", "o", "õ", "o", "ő", "o", "ř", "r", "ś", "s", "š", "s", "ş", "s",
	"ú", "u", "ù", "u", "û", "u", "ű", "u", "ý", "y", "ź", "z", "ż", "z", "ž", "z", "ğ", "g")

// name returns a name of the catalog that no other document of the kind has.
func (p *Plan) name(kind, title, id string) string {
	slug := func(s string) string {
		s = strings.Trim(notInName.ReplaceAllString(letters.Replace(strings.ToLower(s)), "-"), "-._")
		return strings.Trim(s[:min(len(s), 56)], "-._")
	}
	base := cmp.Or(slug(title), slug(id), strings.ToLower(kind))
	out := base
	for n := 2; p.used[kind+"/"+out]; n++ {
		out = fmt.Sprintf("%s-%d", base, n)
	}
	p.used[kind+"/"+out] = true
	return out
}

// clean drops what YAML and a terminal cannot show.
func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r == 0x2028 || r == 0x2029 || r == '\ufffd' {
			return ' '
		}
		return r
	}, s)), " ")
}

// document adds a document and, when a row is given, says what it came from.
func (p *Plan) document(kind, name, title string, r *Row, spec any) error {
	m := meta{Name: name}
	if title = clean(title); title != name {
		m.DisplayName = title
	}
	if r != nil {
		if id := clean(r.ID); id != "" {
			m.Annotations = map[string]string{p.Source + "/id": id}
		}
		r.Into = append(r.Into, kind+" "+name)
	}
	b, err := yaml.MarshalWithOptions(head{"nightkeeper/v1", kind, m, spec}, yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("write %s %s: %w", kind, name, err)
	}
	p.docs = append(p.docs, document{kind, b})
	return nil
}

// files are where the documents of each kind are written.
var files = []struct{ kind, file string }{
	{"Person", "people"}, {"Team", "teams"}, {"Service", "services"}, {"Schedule", "schedules"}, {"EscalationPolicy", "policies"},
	{"AlertRule", "alert-rules"}, {"Inhibition", "inhibitions"},
}

// largest a file becomes before another is begun.
const largest = 1 << 20

// finish makes the files of the documents.
func (p *Plan) finish() *Plan {
	for _, f := range files {
		var text bytes.Buffer
		n := 0
		flush := func() {
			if text.Len() == 0 {
				return
			}
			name := f.file + ".yaml"
			if n++; n > 1 {
				name = fmt.Sprintf("%s-%d.yaml", f.file, n)
			}
			p.Files = append(p.Files, File{name, bytes.Clone(text.Bytes())})
			text.Reset()
		}
		for _, d := range p.docs {
			if d.kind != f.kind {
				continue
			}
			if text.Len() > largest {
				flush()
			}
			if text.Len() > 0 {
				text.WriteString("---\n")
			}
			text.Write(d.text)
		}
		flush()
	}
	return p
}

// crew is how one turn is written: a name, or a list.
func crew(names []string) any {
	if len(names) == 1 {
		return names[0]
	}
	return names
}

func minutes(n int) string { return catalog.Duration(time.Duration(n) * time.Minute).String() }

// local writes an instant as clocks in the zone show it, or with its offset when that could be two instants.
func local(t time.Time, loc *time.Location) string {
	wall := catalog.Wall(t, loc)
	if !catalog.Resolve(wall, loc).Equal(t) || wall.Nanosecond() != 0 {
		return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
	}
	if wall.Second() == 0 {
		return wall.Format("2006-01-02T15:04")
	}
	return wall.Format("2006-01-02T15:04:05")
}

// clock writes seconds since midnight.
func clock(s int) string {
	s = (s%86400 + 86400) % 86400
	if s%60 == 0 {
		return fmt.Sprintf("%02d:%02d", s/3600, s/60%60)
	}
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
