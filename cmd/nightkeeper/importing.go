package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/app"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/convert"
	"nightkeeper/internal/loop/page/rota"
)

// importToken is the variable of the environment with the token for the API that is imported from.
const importToken = "NIGHTKEEPER_IMPORT_TOKEN"

// compareFor is for how long who is on call is compared when the API is asked.
const compareFor = 90 * 24 * time.Hour

// importing is one run of an import command.
type importing struct {
	url, out     string
	write, force bool
	json         bool
}

// source is a system that can be imported from.
type source struct {
	name, title, export, url string
	convert                  func(e convert.Export, now time.Time) (*convert.Plan, error) // nil for Alertmanager, which is one YAML file
}

var sources = []source{
	{"pagerduty", "PagerDuty", "a file or a directory of JSON", "https://api.pagerduty.com", convert.PagerDuty},
	{"opsgenie", "Opsgenie", "a file or a directory of JSON", "https://api.opsgenie.com", convert.Opsgenie},
	{"grafana-oncall", "Grafana OnCall", "a file or a directory of JSON", "https://oncall.example.com", convert.GrafanaOnCall},
	{"alertmanager", "Alertmanager", "its alertmanager.yml", "http://127.0.0.1:9093", nil},
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make a catalog of what another on-call system has, and compare who is on call",
	}
	for _, s := range sources {
		im := &importing{}
		sub := &cobra.Command{
			Use:   s.name + " [EXPORT]",
			Short: "Import from " + s.title + ": EXPORT is " + s.export + ", or give --url",
			Long: "Shows what becomes what, what is changed and what has no place, and compares who is on call with what the export says.\n" +
				"With --url the API is asked, with the token in " + importToken + ". Nothing is written without --write.",
			Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if (len(args) == 1) == (im.url != "") {
					return usage(cmd, fmt.Errorf("give an export or --url"))
				}
				if im.write && im.out == "" {
					return usage(cmd, fmt.Errorf("--write needs --out: the directory to write into"))
				}
				p, err := im.plan(cmd, s, args)
				if err != nil {
					return err
				}
				return im.run(p, os.Stdout)
			},
		}
		sub.Flags().StringVar(&im.url, "url", "", "ask the API at this address, such as "+s.url)
		sub.Flags().StringVar(&im.out, "out", "", "the directory of the catalog")
		sub.Flags().BoolVar(&im.write, "write", false, "write the documents into --out; without it only the plan is shown")
		sub.Flags().BoolVar(&im.force, "force", false, "overwrite files in --out that differ")
		sub.Flags().BoolVar(&im.json, "json", false, "print the plan and the comparison as JSON")
		cmd.AddCommand(sub)
	}
	cmd.AddCommand(newShadowReport())
	return cmd
}

// plan reads the export, or asks the API, and converts it.
func (im *importing) plan(cmd *cobra.Command, s source, args []string) (*convert.Plan, error) {
	now := time.Now().UTC()
	from := now.Truncate(time.Minute)
	live := app.Import{URL: im.url, Token: os.Getenv(importToken), From: from, To: from.Add(compareFor),
		Tell: func(text string) { fmt.Fprintln(os.Stderr, "nightkeeper:", text) }}
	if im.url != "" && live.Token == "" && s.convert != nil {
		return nil, usage(cmd, fmt.Errorf("put the token for %s into %s", s.title, importToken))
	}
	if s.convert == nil {
		text, err := readAlertmanager(cmd.Context(), live, args)
		if err != nil {
			return nil, err
		}
		return convert.Alertmanager(text, now)
	}
	e, err := convert.Export(nil), error(nil)
	if im.url != "" {
		e, err = live.Export(cmd.Context(), s.name)
	} else {
		if e, err = readExport(args[0]); err == nil {
			err = e.Expect(s.name)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.convert(e, now)
}

func readAlertmanager(ctx context.Context, live app.Import, args []string) ([]byte, error) {
	if len(args) == 0 {
		return live.Alertmanager(ctx)
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("%s cannot be read: %w", args[0], err)}
	}
	return b, nil
}

func readExport(path string) (convert.Export, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("%s cannot be read: %w", path, err)}
	}
	if info.IsDir() {
		return convert.ReadExport(os.DirFS(path))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("%s cannot be read: %w", path, err)}
	}
	return convert.ReadFile(b)
}

// report is what an import says.
type report struct {
	Source      string               `json:"source"`
	Plan        []planned            `json:"plan"`
	Files       []string             `json:"files"`
	Written     bool                 `json:"written"`
	Problems    []catalog.Problem    `json:"problems"`
	Compared    []compared           `json:"compared"`
	NotCompared []string             `json:"not_compared"`
	Differences []convert.Difference `json:"differences"`
}

type planned struct {
	*convert.Row
	State convert.State `json:"state"`
}

type compared struct {
	Schedule    string    `json:"schedule"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Differences int       `json:"differences"`
}

func (im *importing) run(p *convert.Plan, out io.Writer) error {
	rep, err := im.check(p)
	if err != nil {
		return err
	}
	if im.write && len(rep.Problems) == 0 {
		if err := writeFiles(im.out, p.Files, im.force); err != nil {
			return err
		}
		rep.Written = true
		c, problems := catalog.Load(os.DirFS(im.out))
		rep.Problems = append(catalog.Errors(problems), rota.Check(c, time.Now())...)
	}
	if im.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(rep)
	} else {
		err = rep.print(out, im.out)
	}
	switch n := len(catalog.Errors(rep.Problems)); {
	case err != nil:
		return err
	case n > 0:
		return exitError{exitFailed, fmt.Errorf("%s in the catalog", mistakes(n))}
	case len(rep.Differences) > 0:
		return exitError{exitFailed, fmt.Errorf("who is on call differs at %d times", len(rep.Differences))}
	}
	return nil
}

// check reads what would be written as the server would read it, and compares who is on call.
func (im *importing) check(p *convert.Plan) (rep report, err error) {
	rep = report{Source: p.Source, Plan: []planned{}, Files: []string{}, Problems: []catalog.Problem{}, Compared: []compared{},
		NotCompared: append([]string{}, p.Unseen...), Differences: []convert.Difference{}}
	dir, err := os.MkdirTemp("", "nightkeeper-import-")
	if err != nil {
		return rep, fmt.Errorf("check the plan: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := writeFiles(dir, p.Files, false); err != nil {
		return rep, err
	}
	for _, r := range p.Rows {
		rep.Plan = append(rep.Plan, planned{r, r.State()})
	}
	for _, f := range p.Files {
		rep.Files = append(rep.Files, f.Name)
	}
	c, problems := catalog.Load(os.DirFS(dir))
	if len(p.Files) > 0 {
		rep.Problems = append(rep.Problems, catalog.Errors(problems)...)
	}
	for _, r := range p.Renderings {
		ds, err := convert.Compare(c, r)
		if err != nil {
			return rep, err
		}
		rep.Compared = append(rep.Compared, compared{r.Name, r.From, r.To, len(ds)})
		rep.Differences = append(rep.Differences, ds...)
	}
	return rep, nil
}

// writeFiles writes files into a directory. Nothing is written when one of them is there with other content, but by force.
func writeFiles(dir string, files []convert.File, force bool) error {
	for _, f := range files {
		is, err := os.ReadFile(filepath.Join(dir, f.Name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && (force || bytes.Equal(is, f.Text)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write the catalog: %w", err)
		}
		return errs.New(errs.Conflict, "%s is there and differs; nothing was written. Use another --out, or --force to overwrite it", filepath.Join(dir, f.Name))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Text, 0o644); err != nil {
			return fmt.Errorf("write the catalog: %w", err)
		}
	}
	return nil
}

func (rep report) print(out io.Writer, dir string) error {
	var text, table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tNAME\tBECOMES\tHOW\n", strings.ToUpper(rep.Source))
	counts := map[convert.State]int{}
	for _, r := range rep.Plan {
		counts[r.State]++
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Kind, r.Name, cmp.Or(strings.Join(r.Into, ", "), "-"), r.State)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	next := -1 // the first line is the head of the table
	for line := range strings.Lines(table.String()) {
		text.WriteString(line)
		if next >= 0 {
			for _, n := range rep.Plan[next].Notes {
				fmt.Fprintf(&text, "    %s\n", n)
			}
		}
		next++
	}
	fmt.Fprintf(&text, "\n%d the same, %d changed, %d not mapped\n", counts[convert.Same], counts[convert.Changed], counts[convert.NotMapped])
	for _, p := range rep.Problems {
		fmt.Fprintln(&text, p)
	}
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
	for _, c := range rep.Compared {
		what := "the same people are on call"
		if c.Differences > 0 {
			what = fmt.Sprintf("%d differences", c.Differences)
		}
		fmt.Fprintf(&text, "compared %s from %s to %s UTC (%s): %s\n", c.Schedule, at(c.From), at(c.To), lasting(c.To.Sub(c.From)), what)
	}
	for _, d := range rep.Differences {
		fmt.Fprintf(&text, "  %s to %s UTC, %s: %s there, %s here\n", at(d.From), at(d.To), d.Schedule, names(d.Theirs), names(d.Ours))
	}
	for _, s := range rep.NotCompared {
		fmt.Fprintf(&text, "not compared: %s, of which the export does not say who is on call\n", s)
	}
	switch {
	case rep.Written:
		fmt.Fprintf(&text, "wrote %s into %s\n", strings.Join(rep.Files, ", "), dir)
	case len(rep.Files) > 0:
		fmt.Fprintf(&text, "nothing was written; add --out DIR --write to write %s\n", strings.Join(rep.Files, ", "))
	}
	_, err := out.Write(text.Bytes())
	return err
}

func lasting(d time.Duration) string {
	if d < 48*time.Hour {
		return catalog.Duration(d.Round(time.Second)).String()
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour)/(24*time.Hour)))
}

func names(list []string) string {
	return cmp.Or(strings.Join(list, " and "), "nobody")
}
