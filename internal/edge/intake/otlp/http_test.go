package otlp

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"nightkeeper/internal/kit/errs"
)

func example(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

type reply struct {
	status  int
	header  http.Header
	message string
	body    []byte
}

func post(tb testing.TB, s *Server, path string, body []byte, header ...string) reply {
	tb.Helper()
	return send(tb, s, http.MethodPost, path, body, header...)
}

func send(tb testing.TB, s *Server, method, path string, body []byte, header ...string) reply {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://"+s.HTTPAddr().String()+path, bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	var status struct{ Message string }
	_ = json.Unmarshal(b, &status)
	return reply{res.StatusCode, res.Header, status.Message, b}
}

// Each file has what JSON senders differ in: ids in upper case, numbers as text and not, every kind of value, fields of
// later versions, log records that are events.
func TestEverythingThatJSONSendersWriteIsAccepted(t *testing.T) {
	rec := new(recorder)
	s := start(t, Config{Sink: rec})
	for name, path := range map[string]string{"traces.json": "/v1/traces", "logs.json": "/v1/logs", "metrics.json": "/v1/metrics"} {
		got := post(t, s, path, example(t, name))
		if got.status != 200 || strings.Contains(string(got.body), "ejected") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if len(rec.spans) != 1 || rec.spans[0].Service != "checkout" || rec.spans[0].TraceID != "7a1c0000000000000000000000c0ffee" || !rec.spans[0].Error {
		t.Errorf("spans: %+v", rec.spans)
	}
	if len(rec.lines) != 2 || rec.lines[0].Service != "checkout" || rec.lines[0].Level != "ERROR" {
		t.Errorf("lines: %+v", rec.lines)
	}
	if len(rec.metrics) < 4 {
		t.Errorf("metrics: %v", rec.metrics)
	}
}

const oneSpan = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
	"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"a","kind":2,
	"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000"}]}]}]}`

func protoOf(tb testing.TB, jsonBody string) []byte {
	tb.Helper()
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(jsonBody))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestBothEncodingsWithAndWithoutGzip(t *testing.T) {
	rec := new(recorder)
	s := start(t, Config{Sink: rec})
	proto := protoOf(t, oneSpan)
	for i, c := range []struct {
		body   []byte
		header []string
		answer string
	}{
		{[]byte(oneSpan), nil, "application/json"},
		{[]byte(oneSpan), []string{"Content-Type", "application/json; charset=utf-8"}, "application/json"},
		{gz(t, []byte(oneSpan)), []string{"Content-Encoding", "gzip"}, "application/json"},
		{proto, []string{"Content-Type", "application/x-protobuf"}, "application/x-protobuf"},
		{gz(t, proto), []string{"Content-Type", "application/x-protobuf", "Content-Encoding", "gzip"}, "application/x-protobuf"},
		{[]byte("{}"), nil, "application/json"},
		{[]byte(`{"resourceSpans":[]}`), nil, "application/json"},
		{nil, []string{"Content-Type", "application/x-protobuf"}, "application/x-protobuf"},
	} {
		got := post(t, s, "/v1/traces", c.body, c.header...)
		if got.status != 200 || got.header.Get("Content-Type") != c.answer {
			t.Errorf("%d: %d %s %s", i, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if len(rec.spans) != 5 {
		t.Errorf("got %d spans, want 5", len(rec.spans))
	}
}

func TestWhatIsNotOTLPIsRefusedWithWhatIsExpected(t *testing.T) {
	s := start(t, Config{Sink: new(recorder)})
	deep := `{"resourceSpans":` + strings.Repeat("[", 10_000)
	var value []byte
	for range 500 { // a list of a list of a list
		value = frame(5, frame(1, value))
	}
	deepProto := frame(1, frame(1, frame(1, frame(2, value)))) // request, resource spans, resource, attribute, value
	for _, c := range []struct {
		name, method, path string
		body               []byte
		header             []string
		status             int
		want               string
	}{
		{"no JSON", "POST", "/v1/traces", []byte("hello"), nil, 400, `expected an object like {"resourceSpans":[...]}`},
		{"other JSON", "POST", "/v1/logs", []byte(`{"hello":1}`), nil, 400, `expected an object like {"resourceLogs":[...]}`},
		{"a list", "POST", "/v1/traces", []byte(`[1,2]`), nil, 400, "resourceSpans"},
		{"empty", "POST", "/v1/traces", nil, nil, 400, "resourceSpans"},
		{"another signal", "POST", "/v1/metrics", []byte(oneSpan), nil, 400, "resourceMetrics"},
		{"cut off", "POST", "/v1/traces", []byte(oneSpan[:100]), nil, 400, "resourceSpans"},
		{"bad id", "POST", "/v1/traces", []byte(strings.Replace(oneSpan, "5B8E", "XXXX", 1)), nil, 400, "resourceSpans"},
		{"deep", "POST", "/v1/traces", []byte(deep), nil, 400, "64 levels"},
		{"gzip that is none", "POST", "/v1/traces", []byte(oneSpan), []string{"Content-Encoding", "gzip"}, 400, "could not be read"},
		{"other compression", "POST", "/v1/traces", []byte(oneSpan), []string{"Content-Encoding", "zstd"}, 415, "gzip"},
		{"other type", "POST", "/v1/traces", []byte(oneSpan), []string{"Content-Type", "text/plain"}, 415, "application/x-protobuf or application/json"},
		{"no type", "POST", "/v1/traces", []byte(oneSpan), []string{"Content-Type", ""}, 415, "application/json"},
		{"other method", "GET", "/v1/traces", nil, nil, 405, "use POST"},
		{"no protobuf", "POST", "/v1/traces", []byte("hello"), []string{"Content-Type", "application/x-protobuf"}, 400, "ExportTraceServiceRequest"},
		{"deep protobuf", "POST", "/v1/traces", deepProto, []string{"Content-Type", "application/x-protobuf"}, 400, "64 levels"},
	} {
		got := send(t, s, c.method, c.path, c.body, c.header...)
		if got.status != c.status || !strings.Contains(string(got.body), c.want) && !strings.Contains(got.message, c.want) {
			t.Errorf("%s: got %d %q, want %d with %q", c.name, got.status, got.body, c.status, c.want)
		}
	}
}

func TestLargeBodiesAreRefusedWithoutReadingThem(t *testing.T) {
	s := start(t, Config{Sink: new(recorder), MaxBody: 1 << 20})
	const want = "body is over 1 MiB; send smaller batches"
	zeros := make([]byte, 100<<20)
	for _, c := range []struct {
		name   string
		body   []byte
		header []string
	}{
		{"plain", zeros, nil},
		{"bomb", gz(t, zeros), []string{"Content-Encoding", "gzip"}},
		{"bomb in protobuf", gz(t, bytes.Repeat([]byte{10, 0}, 1<<20)), []string{"Content-Encoding", "gzip", "Content-Type", "application/x-protobuf"}},
	} {
		got := post(t, s, "/v1/traces", c.body, c.header...)
		if got.status != 413 || !strings.Contains(string(got.body), want) {
			t.Errorf("%s: %d %q", c.name, got.status, got.body)
		}
	}
	if left := s.memory.left.Load(); left != bodyBudget<<20 {
		t.Errorf("memory budget is %d after all requests, want all of it", left)
	}
}

func TestManySmallRecordsAreRefused(t *testing.T) {
	s := start(t, Config{Sink: new(recorder)})
	spans := bytes.Repeat([]byte{2<<3 | 2, 0}, 5<<20) // each costs hundreds of bytes once it is decoded
	body := frame(1, frame(2, spans))
	got := post(t, s, "/v1/traces", body, "Content-Type", "application/x-protobuf")
	if got.status != 413 || !strings.Contains(string(got.body), "more than 250000 records") {
		t.Errorf("protobuf: %d %q", got.status, got.body)
	}
	got = post(t, s, "/v1/traces", []byte(`{"resourceSpans":[`+strings.Repeat("{},", 2_000_000)+`{}]}`))
	if got.status != 413 || !strings.Contains(got.message, "objects") {
		t.Errorf("JSON: %d %q", got.status, got.body)
	}
}

func TestSinkDecidesTheAnswer(t *testing.T) {
	f := func(err error, status int, retry, message string) {
		t.Helper()
		s := start(t, Config{Sink: &recorder{err: err}})
		got := post(t, s, "/v1/traces", []byte(oneSpan))
		if got.status != status || got.header.Get("Retry-After") != retry || !strings.Contains(got.message, message) {
			t.Errorf("%v: got %d, retry %q, %q", err, got.status, got.header.Get("Retry-After"), got.message)
		}
	}
	f(errs.New(errs.Unavailable, "telemetry storage is full"), 503, "2", "storage is full")
	f(errs.New(errs.Invalid, "no such thing"), 400, "", "no such thing")
	f(errs.New(errs.Denied, "not yours"), 403, "", "not yours")
	f(errors.New("secret detail"), 500, "", "internal error")

	s := start(t, Config{Sink: &recorder{rejected: 1, reason: "too old"}})
	got := post(t, s, "/v1/traces", []byte(oneSpan))
	if got.status != 200 || !strings.Contains(string(got.body), `"rejectedSpans":"1"`) || !strings.Contains(string(got.body), "too old") {
		t.Errorf("partial success: %d %s", got.status, got.body)
	}
}

func TestSpanWithoutIDsIsRejectedAlone(t *testing.T) {
	rec := new(recorder)
	s := start(t, Config{Sink: rec})
	body := strings.Replace(oneSpan, `"spans":[`, `"spans":[{"name":"nobody"},`, 1)
	got := post(t, s, "/v1/traces", []byte(body))
	if got.status != 200 || !strings.Contains(string(got.body), "without trace id") || len(rec.spans) != 1 {
		t.Errorf("%d %s %v", got.status, got.body, rec.spans)
	}
}

func TestTokenIsChecked(t *testing.T) {
	s := start(t, Config{Sink: new(recorder), Authorize: func(token string) error {
		if token != "good" {
			return errors.New("unknown")
		}
		return nil
	}})
	f := func(header string, status int) {
		t.Helper()
		if got := post(t, s, "/v1/traces", []byte(oneSpan), "Authorization", header); got.status != status {
			t.Errorf("%q: got %d %s, want %d", header, got.status, got.body, status)
		}
	}
	f("", 401)
	f("Basic good", 401)
	f("Bearer bad", 401)
	f("Bearer good", 200)
}

func TestPanicOfTheSinkCostsOneRequest(t *testing.T) {
	s := start(t, Config{Sink: struct{ Sink }{}})
	for range 5 { // more than there are decoders
		if got := post(t, s, "/v1/traces", []byte(oneSpan)); got.status != 500 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
}

func frame(tag byte, b []byte) []byte {
	out := []byte{tag<<3 | 2}
	n := len(b)
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(append(out, byte(n)), b...)
}
