/* use_mse.c - what a user of the installed library writes: prints a loss, a gradient and the
 * version. */
#include <mse.h>

#include <stdio.h>

int main(void)
{
    const double predictions[] = {1, 2}, targets[] = {0, 0};
    double loss, gradient[2];
    if (mse_loss(predictions, targets, NULL, 2, MSE_MEAN, &loss) != MSE_OK) return 1;
    if (mse_gradient(predictions, targets, NULL, 2, MSE_MEAN, gradient) != MSE_OK) return 1;
    printf("%g %g %g %s\n", loss, gradient[0], gradient[1], mse_version());
    return 0;
}
