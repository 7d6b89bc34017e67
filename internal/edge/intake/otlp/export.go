package otlp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// signal is a kind of telemetry.
type signal struct {
	name    string
	field   string // the first field of a request in JSON
	message string // the name of a request in protobuf
	shape   *shape
}

var (
	traces  = signal{"traces", "resourceSpans", "ExportTraceServiceRequest", traceShape}
	logs    = signal{"logs", "resourceLogs", "ExportLogsServiceRequest", logShape}
	metrics = signal{"metrics", "resourceMetrics", "ExportMetricsServiceRequest", metricShape}
)

// encoding is how a request and its answer are written.
type encoding string

const (
	protobuf encoding = "application/x-protobuf"
	jsonText encoding = "application/json"
)

// request and response are what pdata's types for the three signals have in common.
type request interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

type response interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// slotPatience is how long a request waits for others to be decoded before its sender is asked to come back.
const slotPatience = 5 * time.Second

// export decodes one request, gives it to the sink and returns the encoded answer. Every error is a *refusal.
func (s *Server) export(ctx context.Context, sig signal, enc encoding, body []byte) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("OTLP request caused a panic", "signal", sig.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answer, err = nil, internalFault()
		}
	}()
	free, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	if err := checkShape(sig, enc, body); err != nil {
		return nil, err
	}
	var res response
	switch sig {
	case traces:
		res, err = s.exportTraces(ctx, enc, body)
	case logs:
		res, err = s.exportLogs(ctx, enc, body)
	default:
		res, err = s.exportMetrics(ctx, enc, body)
	}
	if err != nil {
		return nil, s.refusalOf(err)
	}
	if enc == jsonText {
		answer, err = res.MarshalJSON()
	} else {
		answer, err = res.MarshalProto()
	}
	if err != nil {
		return nil, s.refusalOf(err)
	}
	return answer, nil
}

func (s *Server) slot(ctx context.Context) (free func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	default:
	}
	t := time.NewTimer(slotPatience)
	defer t.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, busy("too many requests at once; try again")
}

// decode fills req from body. An empty message is a valid request; one that has bytes but nothing of ours is not.
func decode(sig signal, enc encoding, body []byte, req request, resources func() int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = notOTLP(sig, enc, fmt.Errorf("decoder: %v", p))
		}
	}()
	if enc == jsonText {
		err = req.UnmarshalJSON(body)
	} else {
		err = req.UnmarshalProto(body)
	}
	if err == nil && resources() == 0 && !isEmpty(sig, enc, body) {
		err = errors.New("no " + sig.field + " in it")
	}
	if err != nil {
		return notOTLP(sig, enc, err)
	}
	return nil
}

func (s *Server) exportTraces(ctx context.Context, enc encoding, body []byte) (response, error) {
	req := ptraceotlp.NewExportRequest()
	if err := decode(traces, enc, body, req, func() int { return req.Traces().ResourceSpans().Len() }); err != nil {
		return nil, err
	}
	spans, rej := spansOf(req.Traces(), time.Now())
	if err := sink(ctx, s.cfg.Sink.Spans, spans, len(spans), &rej); err != nil {
		return nil, err
	}
	res := ptraceotlp.NewExportResponse()
	if rej.rows > 0 {
		res.PartialSuccess().SetRejectedSpans(int64(rej.rows))
		res.PartialSuccess().SetErrorMessage(rej.reason)
	}
	return res, nil
}

func (s *Server) exportLogs(ctx context.Context, enc encoding, body []byte) (response, error) {
	req := plogotlp.NewExportRequest()
	if err := decode(logs, enc, body, req, func() int { return req.Logs().ResourceLogs().Len() }); err != nil {
		return nil, err
	}
	lines := linesOf(req.Logs(), time.Now())
	var rej rejection
	if err := sink(ctx, s.cfg.Sink.Logs, lines, len(lines), &rej); err != nil {
		return nil, err
	}
	res := plogotlp.NewExportResponse()
	if rej.rows > 0 {
		res.PartialSuccess().SetRejectedLogRecords(int64(rej.rows))
		res.PartialSuccess().SetErrorMessage(rej.reason)
	}
	return res, nil
}

func (s *Server) exportMetrics(ctx context.Context, enc encoding, body []byte) (response, error) {
	req := pmetricotlp.NewExportRequest()
	if err := decode(metrics, enc, body, req, func() int { return req.Metrics().ResourceMetrics().Len() }); err != nil {
		return nil, err
	}
	var rej rejection
	if err := sink(ctx, s.cfg.Sink.Metrics, req.Metrics(), req.Metrics().DataPointCount(), &rej); err != nil {
		return nil, err
	}
	res := pmetricotlp.NewExportResponse()
	if rej.rows > 0 {
		res.PartialSuccess().SetRejectedDataPoints(int64(rej.rows))
		res.PartialSuccess().SetErrorMessage(rej.reason)
	}
	return res, nil
}

// sink calls a method of the sink unless there is nothing to take.
func sink[T any](ctx context.Context, take func(context.Context, T) (int, string, error), rows T, n int, rej *rejection) error {
	if n == 0 {
		return nil
	}
	rejected, reason, err := take(ctx, rows)
	if err != nil {
		return err
	}
	rej.add(rejected, reason)
	return nil
}

// rejection counts refused rows and keeps the first reason.
type rejection struct {
	rows   int
	reason string
}

func (r *rejection) add(n int, reason string) {
	if n > 0 && r.reason == "" {
		r.reason = reason
	}
	r.rows += n
}
