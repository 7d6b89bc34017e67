package pagerduty

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
	"nightkeeper/internal/loop/observe"
)

// Prefix is what clients write instead of https://events.pagerduty.com.
const Prefix = "/pagerduty/"

// Paths are where the handler is mounted: under Prefix, and where clients of version 1 look that can only change the host.
var Paths = []string{Prefix, "/generic/"}

// Config is what the handler needs. All fields are required.
type Config struct {
	Door    *door.Door
	Detect  *detect.Service
	Catalog func() *catalog.Catalog
	Deploy  func(ctx context.Context, d observe.Deploy, by string) (observe.Deploy, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// maxEvent is what PagerDuty takes of one event.
const maxEvent = 512_000

type server struct {
	Config
	reading chan struct{} // requests whose sender is not known yet
}

// mostReading bounds the memory that bodies take before it is known who sends them.
const mostReading = 64

// New returns the handler of everything under Prefix.
func New(c Config) http.Handler {
	s := &server{c, make(chan struct{}, mostReading)}
	mux := http.NewServeMux()
	handle := func(path string, status int, kind call) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, status, kind) })
	}
	handle(Prefix+"v2/enqueue", http.StatusAccepted, call{"routing_key", parse, (*server).enqueue})
	handle(Prefix+"v2/change/enqueue", http.StatusAccepted, call{"routing_key", parse, (*server).change})
	for _, prefix := range []string{Prefix, "/"} {
		handle(prefix+"generic/2010-04-15/create_event.json", http.StatusOK, call{"service_key", parseV1, (*server).enqueue})
	}
	return mux
}

// call is one of the addresses: what it calls the key, how it reads a body and what it does about it.
type call struct {
	key   string
	parse func(body []byte) (*event, error)
	take  func(*server, *door.Visit, *event) (answer, error)
}

// answer is what clients read after a success.
type answer struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	DedupKey string `json:"dedup_key,omitempty"`

	IncidentKey string `json:"incident_key,omitempty"` // what version 1 calls it
}

// refusal is what they read after an error; it is one itself.
type refusal struct {
	status  int
	Status  string   `json:"status"`
	Message string   `json:"message"`
	Errors  []string `json:"errors"`
}

// Error returns the message.
func (r *refusal) Error() string { return r.Message }

func invalid(errors ...string) error {
	return &refusal{http.StatusBadRequest, "invalid event", "Event object is invalid", errors}
}

// serve reads an event before it knows who sends it: the key is in the body.
func (s *server) serve(w http.ResponseWriter, r *http.Request, status int, c call) {
	body, err := s.read(w, r)
	var e *event
	if err == nil {
		e, err = c.parse(body)
	}
	var said answer
	if err == nil {
		said, err = s.enter(w, r, body, e, c)
	}
	if err != nil {
		s.refuse(w, r, err, e != nil && e.old)
		return
	}
	if e.old {
		said.DedupKey, said.IncidentKey = "", said.DedupKey
	}
	send(w, status, said)
}

func (s *server) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	select {
	case s.reading <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-s.reading }()
	return door.Read(w, r, maxEvent)
}

func (s *server) enter(w http.ResponseWriter, r *http.Request, body []byte, e *event, c call) (answer, error) {
	if e.RoutingKey == "" {
		return answer{}, invalid("'" + c.key + "' is missing or blank")
	}
	v, err := s.Door.Enter(w, r, e.RoutingKey)
	if err != nil {
		if code := door.StatusOf(err); code == http.StatusUnauthorized || code == http.StatusForbidden {
			err = invalid("'" + c.key + "' is not valid: " + errs.Message(err))
		}
		return answer{}, err
	}
	defer v.Leave()
	if err := v.Take(1); err != nil {
		return answer{}, err
	}
	said, err := c.take(s, v, e)
	format := "pagerduty"
	if e.old {
		format = "pagerduty-v1"
	}
	if err == nil {
		v.Saw(format, body, 1, "")
	} else if why := refused(err); why != "" {
		v.Saw(format, body, 0, why)
	}
	return said, err
}

// refused returns what the sender did wrong, or "" when it was not the sender.
func refused(err error) string {
	if x, ok := err.(*refusal); ok {
		return strings.Join(x.Errors, "; ")
	}
	if errs.Is(err, errs.Invalid) {
		return errs.Message(err)
	}
	return ""
}

func send(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"status":"error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

// refuse answers with an error. Clients try 429 and 5xx again, and nothing else; those of version 1 try 403 instead of 429.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error, old bool) {
	if x, ok := err.(*refusal); ok {
		send(w, x.status, x)
		return
	}
	status, message := door.StatusOf(err), errs.Message(err)
	x := &refusal{status, "invalid event", "Event object is invalid", []string{message}}
	switch {
	case door.TooFast(err):
		x.status, x.Status, x.Message = http.StatusTooManyRequests, "throttle exceeded", "Requests for this routing key are arriving too quickly. Please retry later."
		if old {
			x.status = http.StatusForbidden
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
	case status >= http.StatusInternalServerError:
		x.Status, x.Message = "error", "The event was not taken; try again"
		if status == http.StatusInternalServerError {
			s.Log.Error("event could not be taken", "path", r.URL.Path, "error", err)
		}
	}
	send(w, x.status, x)
}
