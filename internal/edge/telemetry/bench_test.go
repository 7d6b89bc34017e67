package telemetry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
)

// BenchmarkReady is the time from Start to an engine that answers, and what the idle child takes of memory.
func BenchmarkReady(b *testing.B) {
	dir := b.TempDir()
	var rss float64
	for b.Loop() {
		h := newHost(b, HostConfig{Dir: dir})
		awaitReady(b, h)
		b.StopTimer()
		rss = residentMB(b, h.Health().PID)
		if err := h.Stop(withPatience(b)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(rss, "MB-rss")
	b.ReportMetric(residentMB(b, os.Getpid()), "MB-rss-parent")
}

// BenchmarkWriteSpans is spans of ten attributes through queue and socket into the child.
func BenchmarkWriteSpans(b *testing.B) {
	h := startHost(b, HostConfig{Dir: b.TempDir()})
	spans := manySpans(1000)
	n := 0
	for b.Loop() {
		for i := range spans {
			spans[i].TraceID, spans[i].SpanID = tid(n/10), sid(n)
			spans[i].Start = time.Now()
			n++
		}
		mustWrite(b)(h.WriteSpans(b.Context(), spans))
		if err := h.Drained(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(residentMB(b, h.Health().PID), "MB-rss")
	b.ReportMetric(float64(n)/cpuSeconds(b, h.Health().PID), "spans/child-cpu-s")

	began := time.Now()
	if _, err := h.Trace(b.Context(), tid(n/20)); err != nil {
		b.Log(err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms-trace")
	began = time.Now()
	if _, err := h.Spans(b.Context(), observe.Filter{Service: "service-7", ErrorsOnly: true}); err != nil {
		b.Log(err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms-errors")
}

// BenchmarkEncodeSpans is what a write costs its caller.
func BenchmarkEncodeSpans(b *testing.B) {
	spans := manySpans(1000)
	b.ReportAllocs()
	for b.Loop() {
		encodeSpans(spans)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "spans/s")
}

func manySpans(n int) []observe.Span {
	spans := make([]observe.Span, n)
	for i := range spans {
		spans[i] = observe.Span{
			TraceID: tid(i / 10), SpanID: sid(i), ParentID: sid(i - i%10), Service: "service-" + strconv.Itoa(i%50), Version: "1.4.2",
			Instance: fmt.Sprintf("service-%d-7d9f8-%d", i%50, i%4), Name: "GET /api/orders/{id}", Kind: observe.Server, Start: time.Now(),
			Duration: time.Duration(i) * time.Millisecond, Error: i%100 == 57,
			Attrs: map[string]string{
				"http.request.method": "GET", "url.path": "/api/orders/" + strconv.Itoa(i), "server.address": "orders",
				"network.protocol.version": "1.1", "user_agent.original": "curl/8", "http.route": "/api/orders/{id}",
				"thread.name": "main", "http.response.status_code": "200", "thread.id": strconv.Itoa(i % 16), "k8s.pod.name": "pod-" + strconv.Itoa(i%200),
			},
		}
	}
	return spans
}

// residentMB is the resident memory of a process, 0 where there is no /proc.
func residentMB(tb testing.TB, pid int) float64 {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		tb.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// cpuSeconds is the processor time of a process, 0 where there is no /proc.
func cpuSeconds(tb testing.TB, pid int) float64 {
	tb.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		tb.Fatal("unexpected /proc/stat")
	}
	return float64(user+system) / 100
}

// BenchmarkEngineWriteSpans is the same without queue and socket.
func BenchmarkEngineWriteSpans(b *testing.B) {
	e := openEngine(b, EngineConfig{Dir: b.TempDir()})
	spans := manySpans(1000)
	n := 0
	for b.Loop() {
		for i := range spans {
			spans[i].TraceID, spans[i].SpanID = tid(n/10), sid(n)
			spans[i].Start = time.Now()
			n++
		}
		mustWrite(b)(e.WriteSpans(b.Context(), spans))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "spans/s")
}
