package alertmanager

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Prefix is where the API is mounted; clients call it the path prefix.
const Prefix = "/alertmanager/"

// Config is what the API answers from. All fields are required.
type Config struct {
	Door    *door.Door
	Detect  *detect.Service
	Catalog func() *catalog.Catalog
	Ready   func(ctx context.Context) error
	Now     func() time.Time
	Log     *slog.Logger
	Version string
}

type server struct {
	Config
	started time.Time
}

// Respond is the scope that a token needs besides that of intake to make and end silences: what sends alerts does not have
// to be able to mute everybody's.
const Respond = "respond"

// New returns the handler of everything under Prefix.
func New(c Config) http.Handler {
	s := &server{c, c.Now()}
	mux := http.NewServeMux()
	v2 := func(method, path string, fn func(*door.Visit, *http.Request) (any, error)) {
		mux.HandleFunc(method+" "+Prefix+"api/v2/"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, fn) })
	}
	v2("POST", "alerts", s.postAlerts)
	v2("GET", "alerts", s.getAlerts)
	v2("GET", "alerts/groups", s.getGroups)
	v2("GET", "silences", s.getSilences)
	v2("POST", "silences", s.postSilence)
	v2("GET", "silence/{id}", s.getSilence)
	v2("DELETE", "silence/{id}", s.deleteSilence)
	v2("GET", "status", s.getStatus)
	v2("GET", "receivers", s.getReceivers)
	mux.HandleFunc("GET "+Prefix+"-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "OK") })
	mux.HandleFunc("GET "+Prefix+"-/ready", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(r.Context()); err != nil {
			text(w, http.StatusServiceUnavailable, errs.Message(err))
			return
		}
		text(w, http.StatusOK, "OK")
	})
	mux.HandleFunc("POST "+Prefix+"-/reload", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusNotImplemented, "Nothing was reloaded. Nightkeeper reads its catalog again when its process gets the signal SIGHUP: kill -HUP <pid>")
	})
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		fault(w, http.StatusNotFound, http.StatusNotFound, "path "+r.URL.Path+" was not found")
	})
	return mux
}

func text(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n")) // the client may be gone
}

// answer is a refusal in Alertmanager's words: most are a JSON string, those of its validation an object with a code.
type answer struct {
	status, code int
	message      string
}

// Error returns what the client reads.
func (a *answer) Error() string { return a.message }

func bad(message string) error { return &answer{http.StatusBadRequest, 0, message} }

// unprocessable is an error of Alertmanager's validation of requests; its codes begin at 600.
func unprocessable(code int, message string) error {
	return &answer{http.StatusUnprocessableEntity, code, message}
}

// Codes of Alertmanager's validation.
const (
	codeType     = 601
	codeRequired = 602
)

func (s *server) serve(w http.ResponseWriter, r *http.Request, fn func(*door.Visit, *http.Request) (any, error)) {
	w.Header().Set("Cache-Control", "no-store")
	v, err := s.Door.Enter(w, r, door.Secret(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer v.Leave()
	body, err := fn(v, r)
	switch {
	case err != nil:
		s.refuse(w, r, err)
	case body == nil: // exactly 200: older clients take no other success
		w.WriteHeader(http.StatusOK)
	default:
		send(w, http.StatusOK, body)
	}
}

func send(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`"internal error"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// fault answers with the object of Alertmanager's validation.
func fault(w http.ResponseWriter, status, code int, message string) {
	send(w, status, map[string]any{"code": code, "message": message})
}

// refuse answers with an error. Too much is 503, which clients try again; never 429.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if a, ok := err.(*answer); ok {
		if a.code != 0 {
			fault(w, a.status, a.code, a.message)
			return
		}
		send(w, a.status, a.message)
		return
	}
	status := door.StatusOf(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="nightkeeper"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
	case http.StatusInternalServerError:
		s.Log.Error("Alertmanager call failed", "path", r.URL.Path, "error", err)
	}
	send(w, status, errs.Message(err))
}

// stamp is a time as Alertmanager writes it: RFC 3339 with milliseconds.
type stamp time.Time

// formats are how clients write times.
var formats = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04Z", "2006-01-02T15:04", time.DateTime, time.DateOnly,
}

// UnmarshalJSON reads a time; null is none.
func (t *stamp) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		return err
	}
	var err error
	for _, f := range formats {
		var v time.Time
		if v, err = time.ParseInLocation(f, *s, time.UTC); err == nil {
			*t = stamp(v)
			return nil
		}
	}
	return err
}

// MarshalJSON writes the time.
func (t stamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z07:00") + `"`), nil
}

// flag reads a parameter that is true unless the client says otherwise.
func flag(r *http.Request, name string) bool {
	v := r.URL.Query().Get(name)
	switch strings.ToLower(v) {
	case "", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled":
		return true
	}
	return false
}
