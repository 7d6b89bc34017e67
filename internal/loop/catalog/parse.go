package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Problem is one mistake in the catalog: where, what, and what would be right. A warning does not stop a catalog from
// being used.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Warning bool   `json:"warning,omitempty"`
}

// String returns the problem as file:line:column: message.
func (p Problem) String() string {
	kind := ""
	if p.Warning {
		kind = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, kind, p.Message)
}

// Errors returns the problems that are not warnings.
func Errors(ps []Problem) []Problem {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Warning })
}

// maxFile bounds one file of the catalog, so that a hostile or mistaken file costs little.
const maxFile = 4 << 20

// Load reads every .yaml, .yml and .md file under fsys. The catalog is usable when Errors of the problems is empty; it
// is returned in any case, with what could be read.
func Load(fsys fs.FS) (*Catalog, []Problem) {
	l := &loader{cat: empty()}
	sum := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		ext := strings.ToLower(path.Ext(name))
		if ext != ".yaml" && ext != ".yml" && ext != ".md" {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Size() > maxFile {
			l.fail(name, nil, "the file is over 4 MiB; a catalog file holds declarations, not data")
			return nil
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s\x00%d\x00", name, len(b))
		sum.Write(b)
		if ext == ".md" {
			l.markdown(name, b)
		} else {
			l.yaml(name, b)
		}
		return nil
	})
	if err != nil {
		l.fail(".", nil, "the directory cannot be read: %v", err)
	}
	l.cat.Hash = hex.EncodeToString(sum.Sum(nil))
	if len(l.cat.Documents) == 0 && len(l.blocks) == 0 && len(l.problems) == 0 {
		l.fail(".", nil, "no declarations found; put YAML documents with apiVersion, kind, metadata and spec here")
	}
	l.readBlocks()
	l.check()
	l.cat.docs = l.docs
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.cat, l.problems
}

func empty() *Catalog {
	return &Catalog{
		Services: map[string]*Service{}, Teams: map[string]*Team{}, People: map[string]*Person{},
		Schedules: map[string]*Schedule{}, Policies: map[string]*EscalationPolicy{}, SLOs: map[string]*SLO{},
		Budgets: map[string]*BudgetPolicy{}, Experiments: map[string]*Experiment{}, Runbooks: map[string]*Runbook{},
		AlertRules: map[string]*AlertRule{}, Inhibitions: map[string]*Inhibition{},
		Integrations: map[string]*Integration{}, Heartbeats: map[string]*Heartbeat{},
		Regions: map[string]*Region{}, Roles: map[string]*Role{}, Handoffs: map[string]*Handoff{},
	}
}

// loader gathers documents and problems; docs keeps each document's syntax tree for the places of later problems.
type loader struct {
	cat      *Catalog
	problems []Problem
	docs     map[string]placedDoc // by kind/name
	blocks   []block
}

type placedDoc struct {
	file string
	body ast.Node
}

func (l *loader) fail(file string, tok *token.Token, format string, args ...any) {
	p := Problem{File: file, Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	if tok != nil && tok.Position != nil {
		p.Line, p.Column = tok.Position.Line, tok.Position.Column
	}
	l.problems = append(l.problems, p)
}

// at reports a problem at a path of a document, such as "$.spec.team".
func (l *loader) at(kind, name, where, format string, args ...any) *Problem {
	file, tok := l.place(kind, name, where)
	l.fail(file, tok, format, args...)
	return &l.problems[len(l.problems)-1]
}

// place returns where a path of a document is, or where the document begins.
func (l *loader) place(kind, name, where string) (file string, tok *token.Token) {
	d := l.docs[kind+"/"+name]
	if d.body == nil {
		return d.file, nil
	}
	tok = begin(d.body)
	if p, err := yaml.PathString(where); err == nil {
		if n, err := p.FilterNode(d.body); err == nil && n != nil {
			tok = begin(n)
		}
	}
	return d.file, tok
}

// Warn returns a warning about a path of a document, such as $.spec.steps[1]; at the document where the path is not in it,
// and at no file when there is no such document.
func (c *Catalog) Warn(kind, name, path, format string, args ...any) Problem {
	l := loader{docs: c.docs}
	p := l.at(kind, name, path, format, args...)
	p.Warning = true
	if p.File == "" {
		p.File = "."
	}
	return *p
}

// begin returns where a node begins: a mapping's own token is its first colon.
func begin(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return n.GetToken()
}

func (l *loader) yaml(file string, b []byte) {
	f, err := parser.ParseBytes(withoutEmpty(b), 0)
	if err != nil {
		l.syntax(file, err)
		return
	}
	for _, doc := range f.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		l.document(file, doc.Body)
	}
}

// withoutEmpty returns the text with spaces where an empty document begins: the YAML library drops whatever comes after one
// and says nothing. Places of lines and columns stay as they are.
func withoutEmpty(b []byte) []byte {
	b = bytes.Clone(b)
	var open []byte // the line that begins a document in which there is nothing yet
	for line := range bytes.Lines(b) {
		text, _, _ := bytes.Cut(line, []byte("#"))
		text = bytes.TrimSpace(text)
		switch {
		case bytes.HasPrefix(line, []byte("---")) && len(text) == 3:
			copy(open, "   ")
			open = line
		case len(text) > 0:
			open = nil
		}
	}
	return b
}

// syntax turns an error of the YAML library into a problem at its place.
func (l *loader) syntax(file string, err error) {
	var p *placed
	if errors.As(err, &p) {
		l.fail(file, p.tok, "%s", p.msg)
		return
	}
	var y yaml.Error
	if errors.As(err, &y) {
		l.fail(file, y.GetToken(), "%s", plainMessage(y.GetMessage()))
		return
	}
	l.fail(file, nil, "%s", plainMessage(err.Error()))
}

var goType = regexp.MustCompile(`Go struct field \S+ of type |Go value of type `)

func plainMessage(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return goType.ReplaceAllString(s, "")
}

// head is what every document starts with; Spec is read by kind.
type head struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Meta     `yaml:"metadata"`
	Spec       ast.Node `yaml:"spec"`
}

// name of a document: what Kubernetes and OpenSLO allow.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

const (
	ourVersion  = "nightkeeper/v1"
	openVersion = "openslo/v1"
)

func (l *loader) document(file string, body ast.Node) {
	m, ok := body.(*ast.MappingNode)
	if !ok {
		l.fail(file, body.GetToken(), "a document must be a mapping with apiVersion, kind, metadata and spec")
		return
	}
	if isBlock(m) {
		l.blocks = append(l.blocks, block{file, m})
		return
	}
	h, spec, ok := l.head(file, m)
	if !ok && !validName.MatchString(h.Metadata.Name) {
		return
	}
	want := ourVersion
	if h.Kind == "SLO" {
		want = openVersion
	}
	dec, known := decoders[h.Kind]
	switch {
	case h.Kind == "":
		l.fail(file, begin(body), "kind is missing; it is one of %s", strings.Join(kinds(), ", "))
		return
	case !known:
		l.fail(file, valueToken(m, "kind"), "unknown kind %q; it is one of %s", h.Kind, strings.Join(kinds(), ", "))
		return
	case h.APIVersion != want:
		l.fail(file, valueToken(m, "apiVersion"), "apiVersion is %q; for kind %s it must be %q", h.APIVersion, h.Kind, want)
		return
	case !validName.MatchString(h.Metadata.Name):
		l.fail(file, valueToken(m, "metadata"), "metadata.name is %q; use lower-case letters, digits, dashes and dots, at most 63", h.Metadata.Name)
		return
	case spec == nil:
		l.fail(file, begin(body), "spec is missing in %s %s", h.Kind, h.Metadata.Name)
		return
	}
	key := h.Kind + "/" + h.Metadata.Name
	if first, dup := l.docs[key]; dup {
		l.fail(file, valueToken(m, "metadata"), "%s %s is declared twice; the first is in %s", h.Kind, h.Metadata.Name, first.file)
		return
	}
	if l.docs == nil {
		l.docs = map[string]placedDoc{}
	}
	l.docs[key] = placedDoc{file, body}
	l.cat.Documents = append(l.cat.Documents, Document{Kind: h.Kind, Name: h.Metadata.Name, File: file, Line: body.GetToken().Position.Line})
	dec(l, file, h.Metadata, spec)
}

// head reads the four fields of a document and refuses others.
func (l *loader) head(file string, m *ast.MappingNode) (head, ast.Node, bool) {
	var h head
	var spec ast.Node
	ok := true
	for _, v := range m.Values {
		switch k := v.Key.String(); k {
		case "apiVersion":
			h.APIVersion = scalar(v.Value)
		case "kind":
			h.Kind = scalar(v.Value)
		case "metadata":
			ok = l.decode(file, v.Value, &h.Metadata) && ok
		case "spec":
			spec = v.Value
		default:
			l.fail(file, v.Key.GetToken(), "unknown field %q; a document has apiVersion, kind, metadata and spec", k)
			ok = false
		}
	}
	return h, spec, ok
}

// decode reads a node into v. The library panics for some tags before values of another kind.
func decode(n ast.Node, v any) (err error) {
	defer func() {
		if recover() != nil {
			err = &placed{"this cannot be read; a tag (a word after !) or an alias is not what belongs here", begin(n)}
		}
	}()
	return yaml.NodeToValue(n, v, yaml.Strict())
}

func valueToken(m *ast.MappingNode, key string) *token.Token {
	for _, v := range m.Values {
		if v.Key.String() == key {
			return v.Value.GetToken()
		}
	}
	return m.GetToken()
}

// decoders read the spec of each kind.
var decoders = map[string]func(l *loader, file string, m Meta, spec ast.Node){
	"Service": func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.Services, &Service{Meta: m}, m) },
	"Team":    func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.Teams, &Team{Meta: m}, m) },
	"Person":  func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.People, &Person{Meta: m}, m) },
	"Schedule": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Schedules, &Schedule{Meta: m, TimeZone: "UTC", Turn: Every(week), NoticeBefore: Duration(24 * time.Hour)}, m)
	},
	"EscalationPolicy": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Policies, &EscalationPolicy{Meta: m, Loops: 3}, m)
	},
	"ErrorBudgetPolicy": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Budgets, &BudgetPolicy{Meta: m}, m)
	},
	"Experiment": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Experiments, &Experiment{Meta: m, AbortAbove: 0.01}, m)
	},
	"SLO":        func(l *loader, f string, m Meta, n ast.Node) { l.slo(f, m, n) },
	"AlertRule":  func(l *loader, f string, m Meta, n ast.Node) { l.alertRule(f, m, n) },
	"Inhibition": func(l *loader, f string, m Meta, n ast.Node) { l.inhibition(f, m, n) },
	"Integration": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Integrations, &Integration{Meta: m}, m)
	},
	"Heartbeat": func(l *loader, f string, m Meta, n ast.Node) {
		read(l, f, n, l.cat.Heartbeats, &Heartbeat{Meta: m, Grace: Duration(time.Minute)}, m)
	},
	"Region":  func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.Regions, &Region{Meta: m}, m) },
	"Role":    func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.Roles, &Role{Meta: m}, m) },
	"Handoff": func(l *loader, f string, m Meta, n ast.Node) { read(l, f, n, l.cat.Handoffs, usualHandoff(m), m) },
}

func kinds() []string { return slices.Sorted(maps.Keys(decoders)) }

func read[T any](l *loader, file string, spec ast.Node, into map[string]*T, v *T, m Meta) {
	if l.decode(file, spec, v) {
		into[m.Name] = v
	}
}

// decode reads a node into v and reports everything that cannot be read.
func (l *loader) decode(file string, n ast.Node, v any) bool {
	err := decode(n, v)
	if err == nil {
		return true
	}
	before := len(l.problems)
	l.faults(file, n, reflect.TypeOf(v))
	if len(l.problems) == before {
		l.syntax(file, err)
	}
	return false
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func compare(a, b string) int { return strings.Compare(a, b) }
