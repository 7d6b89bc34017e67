package heartbeat

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/near"
	"nightkeeper/internal/loop/detect"
)

// Prefix is where the handler is mounted.
const Prefix = "/heartbeat/"

// Config is what the handler needs. All fields are required.
type Config struct {
	Door   *door.Door
	Detect *detect.Service
	Now    func() time.Time
	Log    *slog.Logger
}

type server struct{ Config }

// New returns the handler of everything under Prefix: the token is in a header, or in the address before the name.
func New(c Config) http.Handler {
	s := &server{c}
	mux := http.NewServeMux()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		mux.HandleFunc(method+" "+Prefix+"{name}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, door.Secret(r)) })
		mux.HandleFunc(method+" "+Prefix+"{token}/{name}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, r.PathValue("token")) })
	}
	return mux
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, secret string) {
	h, err := s.ping(w, r, secret)
	if err != nil {
		status := door.StatusOf(err)
		switch status {
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(errs.WaitOf(err)/time.Second))))
		case http.StatusInternalServerError:
			s.Log.Error("heartbeat could not be taken", "name", r.PathValue("name"), "error", err)
		}
		http.Error(w, errs.Message(err), status)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "ok; %s is expected again until %s\n", h.Name, h.DueAt().UTC().Format(time.RFC3339))
}

func (s *server) ping(w http.ResponseWriter, r *http.Request, secret string) (detect.Heartbeat, error) {
	v, err := s.Door.Enter(w, r, secret)
	if err != nil {
		return detect.Heartbeat{}, err
	}
	defer v.Leave()
	if err := v.Take(1); err != nil {
		return detect.Heartbeat{}, err
	}
	h, err := s.Detect.Ping(r.Context(), r.PathValue("name"), s.Now())
	if errs.Is(err, errs.NotFound) {
		err = s.missing(r.Context(), r.PathValue("name"), v.May(read))
	}
	return h, err
}

// read is the scope that lets a token see which heartbeats there are; one that only sends does not.
const read = "read"

// mostNamed bounds how many heartbeats an answer names.
const mostNamed = 20

// missing says that there is no such heartbeat, and what to do: to a caller who may see them, also which there are.
func (s *server) missing(ctx context.Context, name string, may bool) error {
	const remedy = "make it on the page /heartbeats, with nightkeeper heartbeats add, or in the catalog with kind Heartbeat"
	if !may {
		return errs.New(errs.NotFound, "there is no heartbeat %.200q; %s. A token that may also read is told which there are", name, remedy)
	}
	hs, err := s.Detect.Heartbeats(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, h := range hs {
		names = append(names, h.Name)
	}
	if meant := near.To(name, names); meant != "" {
		return errs.New(errs.NotFound, "there is no heartbeat %.200q; did you mean %s?", name, meant)
	}
	if len(names) == 0 {
		return errs.New(errs.NotFound, "there is no heartbeat %.200q, nor any other; %s", name, remedy)
	}
	if more := len(names) - mostNamed; more > 0 {
		names = append(names[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return errs.New(errs.NotFound, "there is no heartbeat %.200q; there are %s. Another one: %s", name, strings.Join(names, ", "), remedy)
}
