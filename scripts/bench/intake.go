package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const batch = 64 // alerts of one request, the most that Prometheus sends at once

// batchOf writes a batch as Prometheus does: one alert of many instances. No two batches have an alert in common.
func batchOf(n int64) string {
	var out strings.Builder
	for i := range batch {
		out.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		fmt.Fprintf(&out, `{"annotations":{"description":"The instance has not answered for five minutes.","summary":"10.1.%d.%d:9100 is down"},"endsAt":"2036-11-27T03:09:00.123456789Z","startsAt":"2026-11-21T03:05:00.123Z",`+
			`"generatorURL":"http://prometheus:9090/graph?g0.expr=up+%%3D%%3D+0&g0.tab=1","labels":{"alertname":"InstanceDown","cluster":"eu-%d","instance":"10.1.%d.%d:9100","job":"node","namespace":"prod","pod":"checkout-%d-%d","severity":"critical"}}`,
			n, i, n%50, n, i, n, i)
	}
	out.WriteString("]")
	return out.String()
}

// load is what senders saw.
type load struct {
	perSecond float64
	p99       time.Duration
}

// pour sends batches by several senders at once, each its next one when the last was answered.
func pour(ctx context.Context, url, token string, senders int, first, batches int64) (load, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: time.Minute}
	var (
		next  atomic.Int64
		took  = make([]time.Duration, batches)
		fails = make([]error, senders)
		all   sync.WaitGroup
	)
	bodies := make([]string, batches)
	for i := range bodies {
		bodies[i] = batchOf(first + int64(i))
	}
	began := time.Now()
	for s := range senders {
		all.Go(func() {
			for n := next.Add(1) - 1; n < batches && fails[s] == nil; n = next.Add(1) - 1 {
				at := time.Now()
				fails[s] = post(ctx, client, url, token, bodies[n])
				took[n] = time.Since(at)
			}
		})
	}
	all.Wait()
	wall := time.Since(began)
	slices.Sort(took)
	return load{float64(batches*batch) / wall.Seconds(), took[(batches-1)*99/100]}, errors.Join(fails...)
}

func post(ctx context.Context, client *http.Client, url, token, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

const (
	intakeRounds  = 5
	intakeBatches = 200
)

// intake pours the same alerts into this program and into Alertmanager, in turns, and prints both and the ratio. Ours are
// durable when they are answered; Alertmanager keeps them in memory.
func (b *bench) intake(ctx context.Context, dir string) (err error) {
	ours, err := b.serve(ctx, filepath.Join(dir, "data"), "docs/examples/catalog")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	peer, perr := alertmanager(ctx, filepath.Join(dir, "alertmanager"))
	if perr != nil {
		fmt.Printf("Alertmanager is not measured: %v\n", perr)
	} else {
		defer func() { err = errors.Join(err, peer.stop()) }()
	}
	var first int64
	for _, senders := range []int{1, 8} {
		var rate, p99, peerRate, peerP99 []float64
		for range intakeRounds {
			l, err := pour(ctx, ours.url+"/alertmanager/api/v2/alerts", ours.token, senders, first, intakeBatches)
			if err != nil {
				return err
			}
			rate, p99 = append(rate, l.perSecond), append(p99, ms(l.p99))
			if peer != nil {
				if l, err = pour(ctx, peer.url+"/api/v2/alerts", "", senders, first, intakeBatches); err != nil {
					return err
				}
				peerRate, peerP99 = append(peerRate, l.perSecond), append(peerP99, ms(l.p99))
			}
			first += intakeBatches
		}
		what := fmt.Sprintf("alerts, %d senders", senders)
		b.atLeast(what, median(rate), "/s", 5000)
		b.line(what+", p99 of a batch", median(p99), "ms", 100)
		if peer != nil {
			fmt.Printf("%-44s %9.2f /s   p99 %.1f ms; ours/theirs %.2f\n", "  Alertmanager, not durable", median(peerRate), median(peerP99), median(rate)/median(peerRate))
		}
	}
	return nil
}

// alertmanager starts the Alertmanager of this machine.
func alertmanager(ctx context.Context, dir string) (*server, error) {
	bin, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if bin, err = exec.LookPath("alertmanager"); err != nil {
			return nil, errors.New("it is not installed")
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, bin, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=", "--log.level=error")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, url: "http://" + addr}
	if err := wait(ctx, s.url+"/-/ready"); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
