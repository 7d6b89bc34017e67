package ui

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// integrationsData is what the list of integrations shows.
type integrationsData struct {
	Senders []detect.Sender
	Formats []detect.Format
	Base    string // where the pages are, as this browser reaches them
	Fresh   freshAddress
}

// freshAddress is an address with a token that was just made: it is shown once.
type freshAddress struct {
	Name, Secret, URL string
	InHeader          bool // the token is not in the address
	Problem           string
}

func (s *server) integrationsPage(r *http.Request) (view, error) {
	return s.integrationsView(r, freshAddress{})
}

func (s *server) integrationsView(r *http.Request, fresh freshAddress) (view, error) {
	all, err := s.Detect.Senders(r.Context())
	if err != nil {
		return view{}, err
	}
	return view{Title: "Integrations", Live: fresh.Secret == "", Body: integrationsBody(integrationsData{all, s.Detect.Formats, baseOf(r), fresh})}, nil
}

// baseOf returns where the browser found this page.
func baseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// addIntegration makes a token for a system that sends alerts, and shows its address once.
func (s *server) addIntegration(r *http.Request) (view, error) {
	me := shellOf(r.Context()).User
	if me.Role != Admin {
		return view{}, errs.New(errs.Denied, "only an admin may make API tokens")
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return view{}, errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	i := slices.IndexFunc(s.Detect.Formats, func(f detect.Format) bool { return f.Name == r.PostForm.Get("format") })
	if i < 0 {
		return view{}, errs.New(errs.Invalid, "there is no format %.40q", r.PostForm.Get("format"))
	}
	fresh, err := s.freshAddress(r, strings.TrimSpace(r.PostForm.Get("name")), s.Detect.Formats[i].Path)
	if err != nil {
		return view{}, err
	}
	return s.integrationsView(r, fresh)
}

// freshAddress makes a token of a name and returns the address with it.
func (s *server) freshAddress(r *http.Request, name, path string) (freshAddress, error) {
	if name == "" || len(name) > 100 {
		return freshAddress{Problem: "an integration needs a name, of at most 100 characters"}, nil
	}
	secret, err := s.Auth.CreateToken(r.Context(), shellOf(r.Context()).User, name, "intake")
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Denied) {
		return freshAddress{Problem: errs.Message(err)}, nil
	}
	if err != nil {
		return freshAddress{}, err
	}
	return freshAddress{Name: name, Secret: secret, URL: baseOf(r) + strings.Replace(path, "TOKEN", secret, 1), InHeader: !strings.Contains(path, "TOKEN")}, nil
}

// integrationData is what the page of one integration shows.
type integrationData struct {
	detect.Sender
	Formats []detect.Format
	Chosen  detect.Format
	Payload string
	From    string // which payload it is
	Mapping mappingForm
	Trial   *detect.Trial
	Base    string
}

// mappingForm is an Integration as the form has it.
type mappingForm struct {
	Alerts, Over, Labels string
	Fields               []mappingField
}

type mappingField struct {
	Name, Path, Hint string
}

// mappingHints say what the parts of an alert are for.
var mappingHints = [][2]string{
	{"key", "tells an alert from others"}, {"title", "one line"}, {"description", "more"}, {"severity", "how bad it is"}, {"service", "that it is about"},
	{"url", "where the system shows it"}, {"status", "says whether it is over"},
}

func formOf(i *catalog.Integration) mappingForm {
	out := mappingForm{Alerts: i.Alerts, Over: strings.Join(i.Over, ", ")}
	for k, path := range []string{i.Key, i.Title, i.Description, i.Severity, i.Service, i.URL, i.Status} {
		out.Fields = append(out.Fields, mappingField{mappingHints[k][0], path, mappingHints[k][1]})
	}
	for _, label := range sortedKeys(i.Labels) {
		out.Labels += label + ": " + i.Labels[label] + "\n"
	}
	return out
}

// mappingOf reads the form.
func mappingOf(f url.Values) (*catalog.Integration, error) {
	get := func(name string) string { return strings.TrimSpace(f.Get("map-" + name)) }
	out := &catalog.Integration{Alerts: get("alerts"), Key: get("key"), Title: get("title"), Description: get("description"), Severity: get("severity"), Service: get("service"), URL: get("url"), Status: get("status")}
	for word := range strings.SplitSeq(get("over"), ",") {
		if word = strings.TrimSpace(word); word != "" {
			out.Over = append(out.Over, word)
		}
	}
	for line := range strings.Lines(get("labels")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		label, path, ok := strings.Cut(line, ":")
		if label, path = strings.TrimSpace(label), strings.TrimSpace(path); !ok || label == "" || path == "" {
			return out, errs.New(errs.Invalid, "the label %.100q has no path; write one a line, such as host: where.host", line)
		}
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		out.Labels[label] = path
	}
	return out, nil
}

func (s *server) integrationPage(r *http.Request) (view, error) {
	d, err := s.integration(r)
	if err != nil {
		return view{}, err
	}
	q := r.URL.Query()
	d.choose(cmp.Or(q.Get("format"), d.Format, "webhook"))
	d.Payload, d.From = d.Chosen.Sample, "a sample"
	if d.mayRead(r) && q.Get("format") == "" {
		for _, p := range slices.Concat(d.Taken, d.Refused) {
			if p.Body != "" && (q.Get("payload") == "" || q.Get("payload") == p.ID) {
				d.choose(p.Format)
				d.Payload, d.From = laidOut(p.Body), "what came at "+clock(r.Context(), p.At)
				break
			}
		}
	}
	return view{Title: d.Name, Body: integrationBody(d)}, nil
}

// integration gathers what the page of an integration shows in any case.
func (s *server) integration(r *http.Request) (integrationData, error) {
	x, err := s.Detect.Sender(r.Context(), r.PathValue("name"))
	if err != nil {
		return integrationData{}, err
	}
	d := integrationData{Sender: x, Formats: s.Detect.Formats, Base: baseOf(r)}
	m := s.Catalog().Integrations[x.Name]
	if m == nil {
		m = &catalog.Integration{}
	}
	d.Mapping = formOf(m)
	return d, nil
}

func (d *integrationData) choose(format string) {
	d.Chosen = d.Formats[0]
	for _, f := range d.Formats {
		if f.Name == format {
			d.Chosen = f
		}
	}
}

// mayRead reports whether somebody may see what came: it is more than what alerts show.
func (d *integrationData) mayRead(r *http.Request) bool { return shellOf(r.Context()).User.CanAct() }

// laidOut writes JSON over several lines; anything else stays as it is.
func laidOut(body string) string {
	var b strings.Builder
	if strings.Contains(body, "\n") || !json.Valid([]byte(body)) {
		return body
	}
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(json.RawMessage(body)); err != nil {
		return body
	}
	return strings.TrimSpace(b.String())
}

// maxTrial bounds the form of a trial.
const maxTrial = 1 << 20

// tryPayload says what would become of the payload of the form. It keeps nothing, and everybody may.
func (s *server) tryPayload(r *http.Request) (view, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxTrial)
	if err := r.ParseForm(); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return view{}, errs.New(errs.Invalid, "the form is larger than 1 MiB; try a smaller payload, or use nightkeeper integrations try")
		}
		return view{}, errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	d, err := s.integration(r)
	if err != nil {
		return view{}, err
	}
	d.choose(r.PostForm.Get("format"))
	d.Payload, d.From = r.PostForm.Get("payload"), "what you try"
	sent := detect.Sent{Integration: d.Name, Body: []byte(d.Payload), Now: s.Now()}
	if d.Chosen.Mapped {
		m, problem := mappingOf(r.PostForm)
		d.Mapping = formOf(m)
		if problem != nil {
			d.Mapping.Labels = r.PostForm.Get("map-labels")
			d.Trial = &detect.Trial{Problem: errs.Message(problem)}
			return view{Title: d.Name, Body: integrationBody(d)}, nil
		}
		sent.Mapping = m
	}
	t, err := s.Detect.Try(r.Context(), d.Chosen.Name, sent)
	if err != nil {
		return view{}, err
	}
	d.Trial = &t
	return view{Title: d.Name, Body: integrationBody(d)}, nil
}

// integrationPath is where the page of an integration is.
func integrationPath(name string) string { return "/integrations/" + url.PathEscape(name) }

// doneLook is the tone, sign and word of what would become of an alert.
func doneLook(done string) (tone, sign, word string) {
	switch done {
	case detect.DidFire:
		return "burn", "burn", "opens an alert"
	case detect.DidRepeat:
		return "plain", "burn", "repeats an alert"
	case detect.DidResolve:
		return "calm", "ok", "ends an alert"
	}
	return "plain", "off", "is ignored"
}
