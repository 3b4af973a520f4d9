package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Workflow is a list of steps with a name, by which a [Worker] knows how to go on with runs that were begun anywhere. A change of its steps is another workflow to the runs that
// it has already: they go on where a worker has the former steps, and are marked where none comes. So give a workflow that changes
// another name, and keep the former one until its runs have ended.
type Workflow struct {
	Name  string // letters, digits and signs, without control characters; at most 128 bytes
	Steps []Step
}

// validateWorkflows names all that is wrong.
func validateWorkflows(workflows []Workflow) (faults []error) {
	if len(workflows) == 0 {
		faults = append(faults, errors.New("there are no workflows"))
	}
	seen := make(map[string]bool, len(workflows))
	for n, workflow := range workflows {
		switch problem := unfit(workflow.Name, maxName); {
		case problem != "":
			faults = append(faults, fmt.Errorf("the name %q of workflow %d %s", shortened(workflow.Name), n+1, problem))
		case seen[workflow.Name]:
			faults = append(faults, fmt.Errorf("two workflows have the name %q", workflow.Name))
		}
		seen[workflow.Name] = true
		for _, fault := range validateSteps(workflow.Steps) {
			faults = append(faults, fmt.Errorf("workflow %q: %w", shortened(workflow.Name), fault))
		}
	}
	return faults
}

// flows are a worker's workflows by their names.
type flows map[string][]Step

func (f flows) names() []string {
	list := make([]string, 0, len(f))
	for name := range f {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// definitions are the steps' names by those of the workflows.
func (f flows) definitions() map[string][]string {
	all := make(map[string][]string, len(f))
	for name, steps := range f {
		all[name] = names(steps)
	}
	return all
}

func (f flows) String() string { return strings.Join(f.names(), ", ") }
