package steps

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a step's panic as an error. The stack stands in the run's log.
type PanicError struct {
	Value any
	Stack []byte // as runtime/debug writes it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// protect calls a step's function in a goroutine of its own, which the function may end without taking the caller along.
func protect(call func() error) error {
	verdict := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { verdict <- err }()
		err = recovered(call)
	}()
	return <-verdict
}

func recovered(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return call()
}
