/* Predict with the C interface of onnxruntime.

   cc predict.c -I onnxruntime/include -L onnxruntime/lib -lonnxruntime -o predict */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "onnxruntime_c_api.h"

static const OrtApi *ort;

static void check(OrtStatus *status) {
  if (status == NULL) return;
  fprintf(stderr, "%s\n", ort->GetErrorMessage(status));
  ort->ReleaseStatus(status);
  exit(1);
}

int main(void) {
  OrtEnv *env;
  OrtSessionOptions *options;
  OrtSession *session;
  OrtMemoryInfo *memory;
  ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  check(ort->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "predict", &env));
  check(ort->CreateSessionOptions(&options));
  check(ort->CreateSession(env, "model.onnx", options, &session));
  check(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));

  /* two sequences of 3 and 1 steps of one feature, padded at the end */
  float x[2][3][1] = {{{0.1f}, {0.4f}, {0.2f}}, {{0.3f}}};
  int64_t lengths[2] = {3, 1}, x_shape[3] = {2, 3, 1}, lengths_shape[1] = {2};
  OrtValue *inputs[2] = {NULL, NULL}, *output = NULL;
  check(ort->CreateTensorWithDataAsOrtValue(memory, x, sizeof x, x_shape, 3,
                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                                            &inputs[0]));
  check(ort->CreateTensorWithDataAsOrtValue(memory, lengths, sizeof lengths,
                                            lengths_shape, 1,
                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
                                            &inputs[1]));
  const char *input_names[] = {"X", "lengths"}, *output_names[] = {"probabilities"};
  check(ort->Run(session, NULL, input_names, (const OrtValue *const *)inputs, 2,
                 output_names, 1, &output));

  OrtTensorTypeAndShapeInfo *info;
  int64_t shape[2]; /* batch, n_classes */
  void *data;
  check(ort->GetTensorTypeAndShape(output, &info));
  check(ort->GetDimensions(info, shape, 2));
  check(ort->GetTensorMutableData(output, &data));
  const float *probabilities = data;
  for (int64_t i = 0; i < shape[0]; i++) {
    for (int64_t k = 0; k < shape[1]; k++)
      printf("%.6f ", probabilities[i * shape[1] + k]);
    printf("\n");
  }

  ort->ReleaseTensorTypeAndShapeInfo(info);
  ort->ReleaseValue(output);
  ort->ReleaseValue(inputs[0]);
  ort->ReleaseValue(inputs[1]);
  ort->ReleaseMemoryInfo(memory);
  ort->ReleaseSession(session);
  ort->ReleaseSessionOptions(options);
  ort->ReleaseEnv(env);
  return 0;
}
