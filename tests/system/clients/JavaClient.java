// JavaClient.java URL - calls the server through the package mse, which openapi-generator has generated.
//
// It sends no nested arrays: openapi-generator 7.25.0 writes code that throws "Not a JSON Primitive" for an array in
// anyOf.
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import mse.ApiClient;
import mse.ApiException;
import mse.JSON;
import mse.api.MseApi;
import mse.model.*;

public class JavaClient {
    static final List<Double> PREDICTIONS = List.of(0.6964691855978616, 0.28613933495037946);
    static final List<Double> TARGETS = List.of(0.22826323087895561, 0.29371404638882936);

    static List<NumbersInner> numbers(List<Double> numbers) {
        return numbers.stream().map(NumbersInner::new).collect(Collectors.toList());
    }

    static MseRequest request(List<Double> predictions, List<Double> targets) {
        return new MseRequest().predictions(numbers(predictions)).targets(numbers(targets));
    }

    static void call(MseApi api, String name, MseRequest request) throws Exception {
        try {
            System.out.println(name + " " + JSON.serialize(api.computeMse(request)));
        } catch (ApiException e) {
            Problem problem = Problem.fromJson(e.getResponseBody());
            if (problem.getType() != ProblemType.SHAPE_MISMATCH) throw e;
            System.out.println(name + " " + JSON.serialize(problem.getPointer()));
        }
    }

    public static void main(String[] args) throws Exception {
        MseApi api = new MseApi(new ApiClient().setBasePath(args[0]));
        call(api, "mean", request(PREDICTIONS, TARGETS));
        call(api, "weighted", request(PREDICTIONS, TARGETS)
                .weights(List.of(new NonNegativeNumbersInner(1.0), new NonNegativeNumbersInner(0.3)))
                .reduction(Reduction.SUM)
                .gradients(Set.of(Input.TARGETS)));
        call(api, "none", request(PREDICTIONS, TARGETS).reduction(Reduction.NONE));
        call(api, "refused", request(PREDICTIONS, TARGETS.subList(0, 1)));
    }
}
