package webhook

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Paths where the handler is mounted: our own, and those of Grafana OnCall.
const (
	Prefix = "/intake/"
	OnCall = "/integrations/v1/"
)

// Config is what the handler needs. All fields are required.
type Config struct {
	Door    *door.Door
	Detect  *detect.Service
	Catalog func() *catalog.Catalog
	Ask     *ask.Client // of SNS: for its certificates, and to confirm subscriptions
	Now     func() time.Time
	Log     *slog.Logger
}

type server struct {
	Config
	formats map[string]detect.Format
	onCall  map[string]detect.Format
	sns     sns
}

// New returns the handler of everything under Prefix and OnCall.
func New(c Config) http.Handler {
	s := &server{Config: c, formats: map[string]detect.Format{}, onCall: map[string]detect.Format{}, sns: sns{ask: c.Ask}}
	for _, f := range Formats() {
		s.formats[f.Name] = f
	}
	for name, ours := range onCallNames {
		s.onCall[name] = s.formats[ours]
	}
	mux := http.NewServeMux()
	// Clients that cannot send a header have the token in the address.
	mux.HandleFunc("POST "+Prefix+"{format}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.formats, door.Secret(r)) })
	mux.HandleFunc("POST "+Prefix+"{format}/{token}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.formats, r.PathValue("token")) })
	mux.HandleFunc("POST "+OnCall+"{format}/{token}/{$}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, s.onCall, r.PathValue("token")) })
	// A heartbeat of Grafana OnCall belongs to an integration and has its name.
	mux.HandleFunc("POST "+OnCall+"{format}/{token}/heartbeat/{$}", s.heartbeat)
	mux.HandleFunc("GET "+OnCall+"{format}/{token}/heartbeat/{$}", s.heartbeat)
	return mux
}

func (s *server) heartbeat(w http.ResponseWriter, r *http.Request) {
	v, err := s.Door.Enter(w, r, r.PathValue("token"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer v.Leave()
	if _, err = s.Detect.Ping(r.Context(), v.Integration, s.Now()); err != nil {
		if errs.Is(err, errs.NotFound) {
			err = errs.New(errs.NotFound, "there is no heartbeat named as the integration is, %s; declare it in the catalog with kind Heartbeat", v.Integration)
		}
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "Ok.")
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, known map[string]detect.Format, secret string) {
	said, err := s.take(w, r, known, secret)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, said)
}

func (s *server) take(w http.ResponseWriter, r *http.Request, known map[string]detect.Format, secret string) (string, error) {
	f, ok := known[r.PathValue("format")]
	if !ok {
		return "", errs.New(errs.NotFound, "%.40q is not taken here; there are %s", r.PathValue("format"), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	v, err := s.Door.Enter(w, r, secret)
	if err != nil {
		return "", err
	}
	defer v.Leave()
	body, err := v.Body()
	if err != nil {
		return "", err
	}
	n, err := s.receive(v, f, body)
	if err == nil {
		v.Saw(f.Name, body, n, "")
	} else if code := door.StatusOf(err); code >= 400 && code < 500 {
		v.Saw(f.Name, body, n, errs.Message(err))
	}
	return "Ok.", err
}

// receive takes the alerts of a body in, and returns how many there are.
func (s *server) receive(v *door.Visit, f detect.Format, body []byte) (int, error) {
	now := s.Now()
	if f.Name == "cloudwatch" {
		if err := s.check(v.Context(), v.Integration, body, now); err != nil {
			return 0, err
		}
	}
	q := detect.Sent{Integration: v.Integration, Body: body, Now: now}
	if f.Mapped {
		q.Mapping = s.Catalog().Integrations[v.Integration]
	}
	got, err := f.Read(q)
	if err != nil {
		return 0, err
	}
	if got.Note != "" {
		s.Log.Warn("a sender should be looked at", "integration", v.Integration, "note", got.Note)
	}
	ins := got.Alerts
	if err := v.Take(len(ins)); err != nil {
		return len(ins), err
	}
	for i := range ins {
		if ins[i].Integration, err = v.Integration, door.Check(ins[i].Key, ins[i].Labels, ins[i].Annotations); err != nil {
			return len(ins), err
		}
	}
	_, err = s.Detect.Receive(v.Context(), ins, now)
	return len(ins), err
}

// refuse answers with an error in one line. Too much is 503: Alertmanager's webhook gives up on 429.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := door.StatusOf(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="nightkeeper"`) // SNS sends its password only when it is asked
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
	case http.StatusInternalServerError:
		s.Log.Error("webhook could not be taken", "format", r.PathValue("format"), "error", err)
	}
	http.Error(w, errs.Message(err), status)
}

func invalid(text string, args ...any) error { return errs.New(errs.Invalid, text, args...) }

// over is the end of an alert whose source says that it is over.
func over(at, now time.Time) time.Time {
	if at.IsZero() || at.After(now) {
		return now
	}
	return at
}
