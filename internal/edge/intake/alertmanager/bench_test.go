package alertmanager_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// BenchmarkIntakeAlertmanager posts batches of 64 alerts that nobody knows through HTTP into SQLite on disk; each answer is
// a durable batch. An operation is one batch.
func BenchmarkIntakeAlertmanager(b *testing.B) {
	for _, senders := range []int{1, 8} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) { benchmark(b, senders) })
	}
}

const batch = 64

func benchmark(b *testing.B, senders int) {
	w := newWorld(b, func(w *world, _ *catalog.Catalog) { w.limits.Rate, w.limits.Burst, w.limits.Share = 1e9, 1e9, senders })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	var next atomic.Int64
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	began := time.Now()
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
				at := time.Now()
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, w.url+"/alertmanager/api/v2/alerts", strings.NewReader(batchOf(n)))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer s3cret")
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					b.Errorf("batch %d: %d", n, resp.StatusCode)
				}
				took[n] = time.Since(at)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N*batch)/time.Since(began).Seconds(), "alerts/s")
	b.ReportMetric(float64(took[(b.N-1)*99/100].Microseconds())/1000, "p99-ms")
}

// batchOf writes a batch as Prometheus does: one alert of many instances.
func batchOf(n int64) string {
	var out strings.Builder
	out.WriteString("[")
	for i := range batch {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, `{"annotations":{"description":"The instance has not answered for five minutes.","summary":"10.1.%d.%d:9100 is down"},"endsAt":"2036-11-27T03:09:00.123456789Z","startsAt":"2026-11-21T03:05:00.123Z",`+
			`"generatorURL":"http://prometheus:9090/graph?g0.expr=up+%%3D%%3D+0&g0.tab=1","labels":{"alertname":"InstanceDown","cluster":"eu-%d","instance":"10.1.%d.%d:9100","job":"node","namespace":"prod","pod":"checkout-%d-%d","severity":"critical"}}`,
			n, i, n%50, n, i, n, i)
	}
	out.WriteString("]")
	return out.String()
}
