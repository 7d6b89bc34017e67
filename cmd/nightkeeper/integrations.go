package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func newIntegrations(c *client) *cobra.Command {
	cmd := c.flags(&cobra.Command{
		Use: "integrations", Short: "What sends alerts, what was refused, and what a payload would become", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []detect.Sender
			if err := c.call(cmd.Context(), "GET", "/integrations", nil, &all); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "NAME\tSENDS AS\tSENDS TO\tLAST ALERT\tREFUSED")
			for _, x := range all {
				last, refused := "", ""
				if x.Last != nil {
					last = x.Last.FiredAt.Local().Format(time.DateTime)
				}
				if len(x.Refused) > 0 {
					refused = fmt.Sprintf("%d: %s", len(x.Refused), x.Refused[0].Refused)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Name, x.Format, x.Path, last, refused)
			}
			return w.Flush()
		},
	})
	cmd.AddCommand(newIntegrationShow(c), newIntegrationTry(c))
	return cmd
}

func newIntegrationShow(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "show NAME", Short: "The payloads of an integration that came last, without secrets", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var x detect.Sender
			if err := c.call(cmd.Context(), "GET", "/integrations/"+url.PathEscape(args[0]), nil, &x); err != nil || c.json {
				return err
			}
			all := slices.Concat(x.Taken, x.Refused)
			slices.SortFunc(all, func(a, b detect.Payload) int { return a.At.Compare(b.At) })
			for _, p := range all {
				became := fmt.Sprintf("taken, %d alerts", p.Alerts)
				if p.Refused != "" {
					became = "REFUSED: " + p.Refused
				}
				fmt.Printf("%s  %s  %d bytes  %s\n", p.At.Local().Format(time.DateTime), p.Format, p.Size, became)
				if p.Body != "" {
					fmt.Println(p.Body)
				}
				fmt.Println()
			}
			if len(all) == 0 {
				fmt.Println("nothing came")
			}
			return nil
		},
	})
}

func newIntegrationTry(c *client) *cobra.Command {
	var format, mapping string
	var sample bool
	cmd := &cobra.Command{
		Use: "try NAME [FILE]", Short: "What would become of a payload from standard input or a file; nothing is kept", Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"format": format}
			body, err := payloadOf(cmd, c, args[1:], format, sample)
			if err != nil {
				return err
			}
			in["payload"] = body
			if mapping != "" {
				if in["mapping"], err = readMapping(mapping); err != nil {
					return err
				}
			}
			var t detect.Trial
			if err := c.call(cmd.Context(), "POST", "/integrations/"+url.PathEscape(args[0])+"/try", in, &t); err != nil {
				return err
			}
			if !c.json {
				if err := printTrial(t); err != nil {
					return err
				}
			}
			if t.Problem != "" {
				return exitError{exitFailed, fmt.Errorf("it would be refused: %s", t.Problem)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "what it is: webhook, datadog, cloudwatch, …; default what the integration sent last")
	cmd.Flags().StringVar(&mapping, "mapping", "", "a file with an Integration to try instead of the one in the catalog")
	cmd.Flags().BoolVar(&sample, "sample", false, "try a sample of the format")
	return c.flags(cmd)
}

// largestPayload is what the server takes of a call.
const largestPayload = 4 << 20

// payloadOf reads what is tried.
func payloadOf(cmd *cobra.Command, c *client, files []string, format string, sample bool) (string, error) {
	if sample {
		if len(files) > 0 {
			return "", usage(cmd, errors.New("either a file or --sample"))
		}
		return sampleOf(cmd.Context(), c, format)
	}
	in := cmd.InOrStdin()
	if len(files) == 1 && files[0] != "-" {
		f, err := os.Open(files[0])
		if err != nil {
			return "", exitError{exitUsage, err}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, largestPayload))
	if err != nil {
		return "", exitError{exitUsage, fmt.Errorf("read the payload: %w", err)}
	}
	return string(b), nil
}

func sampleOf(ctx context.Context, c *client, format string) (string, error) {
	if format == "" {
		format = "webhook"
	}
	quiet := *c
	quiet.json = false
	var all []struct{ Name, Sample string }
	if err := quiet.call(ctx, "GET", "/formats", nil, &all); err != nil {
		return "", err
	}
	var names []string
	for _, f := range all {
		if f.Name == format {
			return f.Sample, nil
		}
		names = append(names, f.Name)
	}
	return "", exitError{exitUsage, fmt.Errorf("there is no format %q; there are %s", format, strings.Join(names, ", "))}
}

// readMapping reads the Integration of a file as the API takes it.
func readMapping(path string) (map[string]any, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	var doc struct {
		APIVersion string              `yaml:"apiVersion"`
		Kind       string              `yaml:"kind"`
		Metadata   map[string]any      `yaml:"metadata"`
		Spec       catalog.Integration `yaml:"spec"`
	}
	var kind struct {
		Kind string `yaml:"kind"`
	}
	if err := yaml.Unmarshal(b, &kind); err == nil && kind.Kind != "Integration" {
		return nil, errs.New(errs.Invalid, "%s: kind is %q; give a document of kind Integration", path, kind.Kind)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&doc); err != nil {
		return nil, errs.New(errs.Invalid, "%s: %s", path, yaml.FormatError(err, false, false))
	}
	i := doc.Spec
	return map[string]any{"alerts": i.Alerts, "key": i.Key, "title": i.Title, "description": i.Description, "severity": i.Severity, "service": i.Service, "url": i.URL,
		"status": i.Status, "over": i.Over, "labels": i.Labels}, nil
}

func printTrial(t detect.Trial) error {
	if t.Note != "" {
		fmt.Println(t.Note)
	}
	for _, p := range t.Alerts {
		a := p.Alert
		fmt.Printf("%s  %s  %s\n", p.Done, a.Severity, a.Headline())
		w := table()
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "  %s\t%s\n", name, value)
			}
		}
		row("service", a.Service)
		row("key", a.Key)
		row("why", p.Reason)
		row("incident", p.Joins)
		row("tells", p.Pages)
		row("rule", a.Rule)
		for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
			row("label "+k, a.Labels[k])
		}
		for _, m := range p.Missing {
			row("missing", m)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(t.Fields) > 0 {
		w := table()
		fmt.Fprintln(w, "\nPART\tPATH\tVALUE")
		for _, f := range t.Fields[0] {
			value := f.Value
			if f.Missing() {
				value = "NOTHING IS THERE"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, f.Path, value)
		}
		return w.Flush()
	}
	return nil
}
