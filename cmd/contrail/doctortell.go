package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/contrail-events/contrail/internal/doctor"
)

// diagnosis is what --json prints.
type diagnosis struct {
	OK       bool             `json:"ok"` // there is no danger
	Dangers  int              `json:"dangers"`
	Warnings int              `json:"warnings"`
	Notes    int              `json:"notes"`
	Findings []doctor.Finding `json:"findings"`
}

// tell prints what was found, and is not content with a danger.
func (v *doctorVerb) tell(a *app, findings []doctor.Finding) error {
	found := diagnosis{Findings: []doctor.Finding{}}
	for _, finding := range findings {
		switch finding.Severity {
		case doctor.Danger:
			found.Dangers++
		case doctor.Warning:
			found.Warnings++
		case doctor.Note:
			found.Notes++
		case doctor.OK:
		}
		if !a.Quiet || finding.Severity.AtLeast(doctor.Warning) {
			found.Findings = append(found.Findings, finding)
		}
	}
	found.OK = found.Dangers == 0
	if v.JSON {
		return notSoUnless(found.OK, a.printJSON(found))
	}
	a.printFindings(found.Findings)
	if !a.Quiet {
		a.printf("%s, %s, %s\n", plural(found.Dangers, "danger"), plural(found.Warnings, "warning"), plural(found.Notes, "note"))
	}
	return notSoUnless(found.OK, nil)
}

// printFindings prints the worst first, and says once what several checks say alike.
func (a *app) printFindings(findings []doctor.Finding) {
	var lines []doctor.Finding
	for _, finding := range findings {
		same := slices.IndexFunc(lines, func(line doctor.Finding) bool {
			return line.Severity == doctor.Note && finding.Severity == doctor.Note && line.What == finding.What && line.Do == finding.Do
		})
		if same >= 0 {
			lines[same].Check += ", " + finding.Check
			continue
		}
		lines = append(lines, finding)
	}
	slices.SortStableFunc(lines, func(x, y doctor.Finding) int {
		return cmp.Compare(severityOrder(x.Severity), severityOrder(y.Severity))
	})
	for _, line := range lines {
		word := string(line.Severity)
		word += strings.Repeat(" ", len(doctor.Warning)-len(word))
		switch line.Severity {
		case doctor.Danger:
			word = a.paint(red, word)
		case doctor.Warning:
			word = a.paint(bold, word)
		case doctor.OK:
			word = a.paint(green, word)
		case doctor.Note:
		}
		a.printf("%s  %s\n", word, printable(findingText(line)))
	}
}

func severityOrder(severity doctor.Severity) int {
	return slices.Index([]doctor.Severity{doctor.Danger, doctor.Warning, doctor.Note, doctor.OK}, severity)
}

// findingText is "check: what; why; do: this".
func findingText(finding doctor.Finding) string {
	text := finding.Check + ": " + finding.What
	if finding.Why != "" {
		text += "; " + finding.Why
	}
	if finding.Do != "" {
		text += "; do: " + finding.Do
	}
	return text
}
