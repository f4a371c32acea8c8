// go_client.go URL - calls the server through clients/mse, which openapi-generator has generated.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"clients/mse"
)

var (
	predictions = []float64{0.6964691855978616, 0.28613933495037946}
	targets     = []float64{0.22826323087895561, 0.29371404638882936}
)

// flat and row make what a request holds: numbers, and an array of numbers in an array.
func flat(numbers []float64) []mse.NumbersInner {
	inner := make([]mse.NumbersInner, len(numbers))
	for i := range numbers {
		inner[i].Float64 = &numbers[i]
	}
	return inner
}

func row(numbers []float64) mse.NumbersInner {
	array := make([]interface{}, len(numbers))
	for i, number := range numbers {
		array[i] = number
	}
	return mse.NumbersInner{ArrayOfAny: &array}
}

func call(client *mse.APIClient, name string, request *mse.MseRequest) {
	var shown interface{}
	result, _, err := client.MseAPI.ComputeMse(context.Background()).MseRequest(*request).Execute()
	shown = result
	if failure, ok := err.(*mse.GenericOpenAPIError); ok {
		problem, ok := failure.Model().(mse.Problem)
		if !ok || problem.Type != mse.SHAPE_MISMATCH {
			log.Fatal(err)
		}
		shown = problem.GetPointer()
	} else if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(shown)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(name, string(text))
}

func main() {
	configuration := mse.NewConfiguration()
	configuration.Servers[0].URL = os.Args[1]
	client := mse.NewAPIClient(configuration)

	call(client, "mean", mse.NewMseRequest(flat(predictions), flat(targets)))

	weighted := mse.NewMseRequest(flat(predictions), flat(targets))
	weights := []float64{1, 0.3}
	weighted.SetWeights([]mse.NonNegativeNumbersInner{{Float64: &weights[0]}, {Float64: &weights[1]}})
	weighted.SetReduction(mse.SUM)
	weighted.SetGradients([]mse.Input{mse.TARGETS})
	call(client, "weighted", weighted)

	none := mse.NewMseRequest(flat(predictions), flat(targets))
	none.SetReduction(mse.NONE)
	call(client, "none", none)

	nested := mse.NewMseRequest(
		[]mse.NumbersInner{row(predictions), row(targets)},
		[]mse.NumbersInner{row(targets), row(predictions)})
	nested.SetReduction(mse.NONE)
	call(client, "nested", nested)

	call(client, "refused", mse.NewMseRequest(flat(predictions), flat(targets[:1])))
}
