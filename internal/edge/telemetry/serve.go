package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

const (
	maxBatch  = 128 << 20 // a batch of 20 MiB of OTLP grows when ids become text
	maxAnswer = 128 << 20

	pathSpans, pathLogs, pathMetrics, pathSamples = "/write/spans", "/write/logs", "/write/metrics", "/write/samples"
	pathPing                                      = "/ping"
)

// question is a read as it crosses the socket.
type question struct {
	Filter   observe.Filter
	TraceID  string
	Query    string
	From, To time.Time
	Step     time.Duration
}

// written is the answer to a write.
type written struct {
	Rejected int
	Reason   string
}

// failure is the body of an answer that is not 200.
type failure struct {
	Code    errs.Code
	Message string
	Cause   string
}

// Serve answers the parent on l until ctx ends, then finishes what is under way and closes l.
func Serve(ctx context.Context, e *Engine, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathSpans, writes(decodeSpans, e.WriteSpans))
	mux.HandleFunc("POST "+pathLogs, writes(decodeLines, e.WriteLogs))
	mux.HandleFunc("POST "+pathSamples, writes(decodeSeries, e.WriteSamples))
	mux.HandleFunc("POST "+pathMetrics, writes((&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics, e.WriteMetrics))
	mux.HandleFunc("POST /read/spans", reads(encodeSpans, func(ctx context.Context, q question) ([]observe.Span, error) {
		return e.Spans(ctx, q.Filter)
	}))
	mux.HandleFunc("POST /read/trace", reads(encodeSpans, func(ctx context.Context, q question) ([]observe.Span, error) {
		return e.Trace(ctx, q.TraceID)
	}))
	mux.HandleFunc("POST /read/logs", reads(encodeLines, func(ctx context.Context, q question) ([]observe.LogLine, error) {
		return e.Logs(ctx, q.Filter)
	}))
	mux.HandleFunc("POST /read/metrics", reads(encodeSeries, func(ctx context.Context, q question) ([]observe.Series, error) {
		return e.Metrics(ctx, q.Query, q.From, q.To, q.Step)
	}))
	mux.HandleFunc("GET "+pathPing, func(http.ResponseWriter, *http.Request) { e.touch() })

	srv := &http.Server{Handler: mortal(mux), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- errors.Join(srv.Shutdown(grace), srv.Close())
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}

// mortal ends the process when a handler panics. The stores panic with their locks held, so a server that recovers, as
// net/http does, would be alive and never answer again.
func mortal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", p, debug.Stack())
				os.Exit(2)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func writes[T any](decode func([]byte) (T, error), write func(context.Context, T) (int, string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := readAll(http.MaxBytesReader(w, r.Body, maxBatch), r.ContentLength)
		if err != nil {
			fail(w, errs.Wrap(err, errs.Invalid, "batch is not readable"))
			return
		}
		rows, err := decode(body)
		if err != nil {
			fail(w, errs.Wrap(err, errs.Invalid, "batch is not readable"))
			return
		}
		n, reason, err := write(r.Context(), rows)
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, written{n, reason})
	}
}

func reads[T any](encode func([]T) []byte, read func(context.Context, question) ([]T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q question
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err != nil {
			fail(w, errs.Wrap(err, errs.Invalid, "question is not readable"))
			return
		}
		rows, err := read(r.Context(), q)
		if err != nil {
			fail(w, err)
			return
		}
		body := encode(rows)
		if len(body) > maxAnswer {
			fail(w, errs.New(errs.Invalid, "the answer is over 128 MiB; ask for fewer rows"))
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body) // the asker may be gone
	}
}

func fail(w http.ResponseWriter, err error) {
	answer(w, http.StatusUnprocessableEntity, failure{errs.CodeOf(err), errs.Message(err), err.Error()})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the asker may be gone
}

// readAll reads a body whose length is usually known.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > maxBatch {
		return io.ReadAll(r)
	}
	b := make([]byte, length)
	_, err := io.ReadFull(r, b)
	return b, err
}
