package shop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// largestBody is how much the admin API reads of a request.
const largestBody = 64 << 10

// apiError is an answer of the admin API that is not a success.
type apiError struct {
	status  int
	message string
}

// Error returns what was wrong and what would be right.
func (e *apiError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &apiError{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &apiError{http.StatusConflict, fmt.Sprintf(format, args...)}
}

// handler returns the admin API.
func (s *Shop) handler() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, f func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			answer, err := f(r)
			write(w, http.StatusOK, answer, err)
		})
	}
	get("/healthz", func(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil })
	get("/topology", func(*http.Request) (any, error) { return Topology(), nil })
	get("/load", func(*http.Request) (any, error) { return s.load.report(time.Now()), nil })
	get("/actions", func(*http.Request) (any, error) { return s.actions.list(), nil })
	get("/faults", func(*http.Request) (any, error) { return s.faults.list(), nil })
	get("/faults/{id}", func(r *http.Request) (any, error) { return s.faults.get(r.PathValue("id")) })
	get("/services", s.listServices)
	get("/services/{name}", s.getService)

	for pattern, f := range map[string]action{
		"POST /faults":        s.postFault,
		"PUT /faults/{id}":    s.putFault,
		"DELETE /faults/{id}": s.deleteFault,
		"DELETE /faults":      s.deleteFaults,

		"PUT /services/{name}/scale":                 s.putScale,
		"PUT /services/{name}/pools/{dependency}":    s.putPool,
		"PUT /services/{name}/breakers/{dependency}": s.putBreaker,
		"PUT /services/{name}/retry-budget":          s.putRetryBudget,
		"PUT /callers-of/{name}/retry-budget":        s.putCallersRetryBudget,
		"PUT /callers-of/{name}/breakers":            s.putCallersBreakers,
		"POST /services/{name}/restart":              s.postRestart,
		"POST /services/{name}/rollback":             s.postRollback,
		"POST /services/{name}/deploy":               s.postDeploy,
		"DELETE /services/{name}/overrides":          s.deleteOverrides,
	} {
		mux.Handle(pattern, s.actions.once(f))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, 0, nil, notFound("no %s %s: see docs/shop.md", r.Method, r.URL.Path))
	})
	return mux
}

// write answers with JSON.
func write(w http.ResponseWriter, status int, answer any, err error) {
	if err != nil {
		status = http.StatusInternalServerError
		if e, ok := errors.AsType[*apiError](err); ok {
			status = e.status
		}
		answer = map[string]string{"error": err.Error()}
	}
	body, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, status, append(body, '\n'))
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only when the caller has left
}

// readBody returns the whole body, within the limit.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "the body is larger than 64 KiB"}
	}
	if err != nil {
		return nil, badRequest("read body: %v", err)
	}
	return body, nil
}

// decode reads a body strictly: a misspelt field must not be ignored, because
// what is asked for here breaks or repairs things.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.Decode(&struct{}{}) != io.EOF {
		return badRequest("the body holds more than one JSON object")
	}
	if err == nil {
		return nil
	}
	fields := strings.Join(fieldsOf(reflect.TypeOf(into).Elem()), ", ")
	if errors.Is(err, io.EOF) {
		return badRequest("the body is empty: send a JSON object with %s", fields)
	}
	return badRequest("%s: send a JSON object with %s", strings.TrimPrefix(err.Error(), "json: "), fields)
}

// fieldsOf lists the JSON names of a struct.
func fieldsOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
