#include "vickrey/model/artifact.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::model {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using vickrey::storage::v1::ModelFile;

constexpr const char* kFiles[] = {"model.json", "weights.safetensors", "SHA256SUMS"};

ModelFile SampleFile() {
  ModelFile file;
  const absl::Status parsed = base::FromJson(R"({
      "name":"ctr","version":"3","spec":{"architecture":"logistic"},
      "schema":{"fields":[{"name":"x","side":"AD","kind":"DENSE","transform":"NONE"},
                          {"name":"k","side":"AD","kind":"CATEGORICAL","buckets":3,"embedding_width":4}]},
      "calibration":{"multiplier":1.25,"logit_offset":-0.5},"metrics":{"auc":0.75}})",
                                             &file);
  EXPECT_TRUE(parsed.ok()) << parsed;
  return file;
}

// As logistic.cc says: two weights for each dense field, one for each bucket, a bias.
TensorFile SampleWeights() {
  TensorFile weights;
  weights.tensors["table.k"] = {.shape = {3, 1}, .values = {10, 20, 30}};
  weights.tensors["context.weight"] = {.shape = {0}, .values = {}};
  weights.tensors["ad.weight"] = {.shape = {2}, .values = {2, 0.5}};
  weights.tensors["bias"] = {.shape = {1}, .values = {1}};
  return weights;
}

// A categorical field more, one that a network can have.
vickrey::v1::FeatureField* AddTable(ModelFile* file) {
  auto* field = file->mutable_schema()->add_fields();
  field->set_name("extra");
  field->set_side(vickrey::v1::FeatureField::AD);
  field->set_kind(vickrey::v1::FeatureField::CATEGORICAL);
  field->set_buckets(3);
  field->set_embedding_width(1);
  file->mutable_schema()->clear_schema_id();
  return field;
}

vickrey::storage::v1::ModelSpec Autoint(int layers, int heads, int width, int field_width) {
  vickrey::storage::v1::ModelSpec spec;
  spec.set_architecture("autoint");
  spec.set_attention_layers(layers);
  spec.set_attention_heads(heads);
  spec.set_attention_width(width);
  spec.set_field_width(field_width);
  return spec;
}

class ArtifactTest : public testing::Test {
 protected:
  ArtifactTest() : root_(fs::path(testing::TempDir()) / absl::StrCat("artifact_test-", getpid())) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ArtifactTest() override { fs::remove_all(root_); }

  fs::path WriteSample() const {
    const auto written = WriteArtifact(root_, SampleFile(), ViewOf(SampleWeights()));
    EXPECT_TRUE(written.ok()) << written.status();
    return root_ / "ctr" / "3";
  }

  static std::string Read(const fs::path& file) { return *base::ReadFile(file); }

  // A new file: some file systems sync one that is cut and written again, which takes a hundred times as long.
  static void Write(const fs::path& file, std::string_view bytes) {
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << bytes;
  }

  // An artifact with these bytes and the sums that go with them, loaded.
  absl::Status LoadOf(const std::string& model, const std::string& weights) const {
    const fs::path folder = root_ / "made" / "1";
    fs::create_directories(folder);
    Write(folder / "model.json", model);
    Write(folder / "weights.safetensors", weights);
    Write(folder / "SHA256SUMS",
          absl::StrCat(base::Sha256Hex(model), "  model.json\n", base::Sha256Hex(weights), "  weights.safetensors\n"));
    return LoadArtifact(folder).status();
  }

  absl::Status LoadOfFile(const std::function<void(ModelFile*)>& change) const {
    ModelFile file = SampleFile();
    file.set_format(1);
    change(&file);
    return LoadOf(base::ToJson(file), SerializeTensors(SampleWeights()));
  }

  absl::Status LoadOfWeights(const std::function<void(TensorFile*)>& change) const {
    ModelFile file = SampleFile();
    file.set_format(1);
    TensorFile weights = SampleWeights();
    change(&weights);
    return LoadOf(base::ToJson(file), SerializeTensors(weights));
  }

  const fs::path root_;
};

TEST_F(ArtifactTest, RoundTrip) {
  const auto written = WriteArtifact(root_, SampleFile(), ViewOf(SampleWeights()));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->folder, root_ / "ctr" / "3");
  EXPECT_EQ(written->sha256, *base::Sha256HexOfFile(written->folder / "SHA256SUMS"));
  const auto artifact = LoadArtifact(written->folder);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  ModelFile expected = SampleFile();
  expected.set_format(1);
  EXPECT_EQ(base::ToJson(artifact->file), base::ToJson(expected));
  EXPECT_EQ(artifact->sha256, written->sha256);
  EXPECT_EQ(SerializeTensors(CopyOf(artifact->weights)), SerializeTensors(SampleWeights()));
  EXPECT_EQ(artifact->schema->counts(vickrey::v1::FeatureField::AD).categorical, 1);
  EXPECT_EQ(artifact->layout.output_bias, "bias");
}

TEST_F(ArtifactTest, TheFolderHoldsThreeFilesAndNothingIsLeftAside) {
  const fs::path folder = WriteSample();
  int entries = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) entries += entry.is_regular_file();
  EXPECT_EQ(entries, 3);
  for (const char* name : kFiles) EXPECT_TRUE(fs::is_regular_file(folder / name)) << name;
}

TEST_F(ArtifactTest, EqualModelsGiveEqualDigests) {
  const auto first = WriteArtifact(root_ / "a", SampleFile(), ViewOf(SampleWeights()));
  const auto second = WriteArtifact(root_ / "b", SampleFile(), ViewOf(SampleWeights()));
  TensorFile other = SampleWeights();
  other.tensors.at("bias").values[0] = 1.0000001f;
  const auto third = WriteArtifact(root_ / "c", SampleFile(), ViewOf(other));
  EXPECT_EQ(first->sha256, second->sha256);
  EXPECT_NE(first->sha256, third->sha256);
}

TEST_F(ArtifactTest, Sha256sumAcceptsIt) {
  const fs::path folder = WriteSample();
  const std::string command =
      absl::StrCat("cd '", folder.string(), "' && sha256sum --check --strict --quiet SHA256SUMS");
  EXPECT_EQ(std::system(command.c_str()), 0);
  Write(folder / "model.json", "{}");
  EXPECT_NE(std::system(absl::StrCat(command, " >/dev/null 2>&1").c_str()), 0);
}

TEST_F(ArtifactTest, AnyChangedByteIsRefused) {
  const fs::path folder = WriteSample();
  const auto expect_refused = [&](const char* name, const std::string& bytes, const std::string& what) {
    Write(folder / name, bytes);
    const absl::Status status = LoadArtifact(folder).status();
    ASSERT_TRUE(absl::IsDataLoss(status)) << name << " " << what << ": " << status;
    ASSERT_THAT(std::string(status.message()), AllOf(HasSubstr("SHA256SUMS"), HasSubstr("was changed or cut")));
    // Of SHA256SUMS and a file beside it nobody can say which one it was.
    if (std::string_view(name) != "SHA256SUMS") {
      ASSERT_THAT(std::string(status.message()), HasSubstr(name));
    }
  };
  int bytes_changed = 0;
  for (const char* name : kFiles) {
    const std::string bytes = Read(folder / name);
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ change);
        expect_refused(name, changed, absl::StrCat("at ", i, " ^ ", change));
      }
      ++bytes_changed;
      expect_refused(name, bytes.substr(0, i), absl::StrCat("cut at ", i));
      expect_refused(name, bytes.substr(0, i) + bytes.substr(i + 1), absl::StrCat("without ", i));
    }
    for (const char* more : {"\n", " ", "0", "x"}) {
      expect_refused(name, bytes + more, "and more behind");
      expect_refused(name, more + bytes, "and more in front");
    }
    expect_refused(name, bytes + std::string(1, '\0'), "and a zero behind");
    Write(folder / name, bytes);
  }
  EXPECT_GT(bytes_changed, 600);
  EXPECT_TRUE(LoadArtifact(folder).ok());
}

TEST_F(ArtifactTest, AnythingButAFileInTheFoldersPlacesIsRefused) {
  const fs::path folder = WriteSample();
  for (const char* name : kFiles) {
    fs::rename(folder / name, root_ / "aside");
    ASSERT_EQ(mkfifo((folder / name).c_str(), 0600), 0);  // a reader that waits for a writer would hang
    const absl::Status pipe = LoadArtifact(folder).status();
    EXPECT_TRUE(absl::IsDataLoss(pipe)) << pipe;
    EXPECT_THAT(std::string(pipe.message()), HasSubstr(absl::StrCat(name, ": is not a file")));
    fs::remove(folder / name);
    fs::create_directory(folder / name);
    EXPECT_TRUE(absl::IsDataLoss(LoadArtifact(folder).status())) << name;
    fs::remove(folder / name);
    fs::rename(root_ / "aside", folder / name);
  }
  EXPECT_TRUE(LoadArtifact(folder).ok());
}

TEST_F(ArtifactTest, WeightsLargerThanTheNetworkNeedsAreNotRead) {
  const fs::path folder = WriteSample();
  fs::resize_file(folder / "weights.safetensors", uintmax_t{1} << 40);  // a hole; its sum would take an hour
  const absl::Status status = LoadArtifact(folder).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("weights.safetensors"), HasSubstr("is larger than")));
}

TEST_F(ArtifactTest, TheWeightsAreReadWhereTheyLie) {
  const fs::path folder = WriteSample();
  const auto artifact = LoadArtifact(folder);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  const std::string_view mapped = artifact->mapped->bytes();
  EXPECT_EQ(mapped, Read(folder / "weights.safetensors"));
  for (const auto& [name, tensor] : artifact->weights.tensors) {
    const auto* first = reinterpret_cast<const char*>(tensor.values.data());
    EXPECT_GE(first, mapped.data()) << name;
    EXPECT_LE(first + tensor.values.size_bytes(), mapped.data() + mapped.size()) << name;
  }
  fs::remove_all(folder);  // as an operator may, with a server running
  EXPECT_EQ(Values(artifact->weights, "table.k"), (std::vector<float>{10, 20, 30}));
}

TEST_F(ArtifactTest, AWriteThatFailsLeavesNothing) {
  TensorFile weights = SampleWeights();
  weights.tensors["table.k"] = {.shape = {1 << 20, 1}, .values = std::vector<float>(1 << 20)};
  // Files of this process can be no longer than 3 MB: a write is cut short, the next one fails, as on a full disk.
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = 3'000'001;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status status = WriteArtifact(root_, SampleFile(), ViewOf(weights)).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("cannot write"), HasSubstr("weights.safetensors")));
  EXPECT_TRUE(fs::is_empty(root_ / "ctr"));
  EXPECT_TRUE(WriteArtifact(root_, SampleFile(), ViewOf(weights)).ok());
}

TEST_F(ArtifactTest, AMissingFileIsNamed) {
  const fs::path folder = WriteSample();
  for (const char* name : kFiles) {
    fs::rename(folder / name, root_ / "aside");
    const absl::Status status = LoadArtifact(folder).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("has no ", name)));
    fs::rename(root_ / "aside", folder / name);
  }
  EXPECT_TRUE(absl::IsNotFound(LoadArtifact(root_ / "none").status()));
  EXPECT_TRUE(absl::IsNotFound(LoadArtifact(folder / "model.json").status()));
}

TEST_F(ArtifactTest, TheUnchangedArtifactLoads) {
  EXPECT_TRUE(LoadOfFile([](ModelFile*) {}).ok());
  EXPECT_TRUE(LoadOfWeights([](TensorFile*) {}).ok());
}

TEST_F(ArtifactTest, TensorsMustBeTheNetworks) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const struct {
    std::function<void(TensorFile*)> change;
    const char* message;
  } cases[] = {
      {[](TensorFile* w) { w->tensors["extra"] = {.shape = {0}}; }, "has 5 tensors; the network needs 4"},
      {[](TensorFile* w) { w->tensors.erase("bias"); }, "has 3 tensors; the network needs 4"},
      {[](TensorFile* w) { w->tensors.clear(); }, "has 0 tensors"},
      {[](TensorFile* w) {
         w->tensors["Bias"] = w->tensors.at("bias");
         w->tensors.erase("bias");
       },
       "has no tensor 'bias'"},
      {[](TensorFile* w) {
         w->tensors["table.k"] = {.shape = {2, 1}, .values = {1, 2}};
       },
       "'table.k' has the shape [2, 1]; the network needs [3, 1]"},
      {[](TensorFile* w) {
         w->tensors["table.k"].shape = {1, 3};
       },
       "'table.k' has the shape [1, 3]"},
      {[](TensorFile* w) { w->tensors["table.k"].shape = {3}; }, "'table.k' has the shape [3]"},
      {[](TensorFile* w) { w->tensors["bias"].shape = {}; }, "'bias' has the shape []"},
      {[=](TensorFile* w) { w->tensors["ad.weight"].values[1] = kNan; },
       "'ad.weight' holds a value that is not finite"},
      {[=](TensorFile* w) { w->tensors["table.k"].values[2] = -kInfinity; }, "'table.k' holds a value"},
      {[=](TensorFile* w) { w->tensors["bias"].values[0] = kInfinity; }, "'bias' holds a value"},
  };
  for (const auto& c : cases) {
    const absl::Status status = LoadOfWeights(c.change);
    EXPECT_TRUE(absl::IsDataLoss(status)) << c.message << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("weights.safetensors"));
  }
  const absl::Status cut = LoadOf(
      [] {
        ModelFile file = SampleFile();
        file.set_format(1);
        return base::ToJson(file);
      }(),
      "cut");
  EXPECT_TRUE(absl::IsDataLoss(cut)) << cut;
  EXPECT_THAT(std::string(cut.message()), HasSubstr("weights.safetensors: not a sound safetensors file"));
}

TEST_F(ArtifactTest, TheModelFileIsChecked) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  const struct {
    std::function<void(ModelFile*)> change;
    const char* message;
  } cases[] = {
      {[](ModelFile* f) { f->mutable_calibration()->set_multiplier(0); }, "calibration"},
      {[](ModelFile* f) { f->mutable_calibration()->set_multiplier(-1); }, "calibration"},
      {[=](ModelFile* f) { f->mutable_calibration()->set_multiplier(kNan); }, "calibration"},
      {[=](ModelFile* f) { f->mutable_calibration()->set_multiplier(kInfinity); }, "calibration"},
      {[=](ModelFile* f) { f->mutable_calibration()->set_logit_offset(kNan); }, "calibration"},
      {[=](ModelFile* f) { f->mutable_calibration()->set_logit_offset(-kInfinity); }, "calibration"},
      {[](ModelFile* f) { f->clear_calibration(); }, "calibration"},
      {[](ModelFile* f) { f->set_name(""); }, "name and version"},
      {[](ModelFile* f) { f->set_name("a/b"); }, "name and version"},
      {[](ModelFile* f) { f->set_name("../a"); }, "name and version"},
      {[](ModelFile* f) { f->set_name(".."); }, "name and version"},
      {[](ModelFile* f) { f->set_version("."); }, "name and version"},
      {[](ModelFile* f) { AddTable(f)->set_buckets(0); }, "schema.extra.buckets: 0 is out of range"},
      {[](ModelFile* f) { AddTable(f)->set_buckets(int64_t{1} << 62); }, "fields[2].buckets: "},
      {[](ModelFile* f) {
         AddTable(f)->set_embedding_width(0);
         f->mutable_spec()->set_architecture("mlp");
         f->mutable_spec()->add_hidden(8);
       },
       "schema.extra.embedding_width: 0 is out of range"},
      {[](ModelFile* f) {
         AddTable(f)->set_embedding_width(1 << 30);
         f->mutable_spec()->set_architecture("mlp");
         f->mutable_spec()->add_hidden(8);
       },
       "fields[2].embedding_width: "},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("mlp");
         f->mutable_spec()->add_hidden(65536);
         f->mutable_spec()->add_hidden(65536);
         f->mutable_spec()->add_hidden(65536);
       },
       "parameters"},
      {[](ModelFile* f) { f->set_name(std::string(129, 'a')); }, "name and version"},
      {[](ModelFile* f) { f->set_version(""); }, "name and version"},
      {[](ModelFile* f) { f->set_version("1/2"); }, "name and version"},
      {[](ModelFile* f) { f->mutable_spec()->set_architecture("oracle"); },
       "'oracle' is not known; known: logistic, mlp, dcn, two_tower, autoint"},
      {[](ModelFile* f) { f->clear_spec(); }, "'' is not known"},
      {[](ModelFile* f) { f->mutable_spec()->add_hidden(8); }, "logistic has no hidden layers"},
      {[](ModelFile* f) { f->mutable_spec()->set_cross_layers(2); }, "cross_layers: is not read by 'logistic'"},
      {[](ModelFile* f) { f->mutable_spec()->set_cross_rank(-1); }, "cross_rank: is not read by 'logistic'"},
      {[](ModelFile* f) { f->mutable_spec()->set_architecture("dcn"); }, "cross_layers: 0 is out of range"},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("dcn");
         f->mutable_spec()->set_cross_layers(65);
       },
       "cross_layers: 65 is out of range; dcn needs 1 to 64"},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("dcn");
         f->mutable_spec()->set_cross_layers(1);
         f->mutable_spec()->set_cross_rank(7);
       },
       "cross_rank: 7 is out of range; dcn takes 0, for full matrices, to 6"},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("mlp");
         f->mutable_spec()->mutable_hidden()->Resize(65, 1);
       },
       "hidden: has 65 layers; at most 64"},
      {[](ModelFile* f) { f->mutable_spec()->set_architecture("mlp"); }, "at least one hidden layer"},
      {[](ModelFile* f) { f->mutable_spec()->set_architecture("two_tower"); }, "hidden: two_tower needs one entry"},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("two_tower");
         f->mutable_spec()->add_hidden(0);
       },
       "hidden: two_tower needs one entry"},
      {[](ModelFile* f) {
         f->mutable_spec()->set_architecture("two_tower");
         f->mutable_spec()->add_hidden(8);
         f->mutable_spec()->add_hidden(8);
       },
       "hidden: two_tower needs one entry"},
      {[](ModelFile* f) { f->mutable_spec()->set_attention_layers(1); }, "attention_layers: is not read by 'logistic'"},
      {[](ModelFile* f) { f->mutable_spec()->set_attention_heads(1); }, "attention_heads: is not read by 'logistic'"},
      {[](ModelFile* f) { f->mutable_spec()->set_attention_width(-1); }, "attention_width: is not read by 'logistic'"},
      {[](ModelFile* f) { f->mutable_spec()->set_field_width(1); }, "field_width: is not read by 'logistic'"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(0, 1, 1, 1); },
       "attention_layers: 0 is out of range; autoint needs 1 to 16"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(17, 1, 1, 1); }, "attention_layers: 17 is out of range"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(1, 65, 1, 1); },
       "attention_heads: 65 is out of range; autoint needs 1 to 64"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(1, 1, -1, 1); },
       "attention_width: -1 is out of range; autoint needs 1 to 1024"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(1, 1, 1, 0); },
       "field_width: 0 is out of range; autoint needs 1 to 1024"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(1, 1, 1, 1025); }, "field_width: 1025 is out of range"},
      {[](ModelFile* f) { *f->mutable_spec() = Autoint(3, 64, 1024, 1); }, "parameters"},
      {[](ModelFile* f) {
         *f->mutable_spec() = Autoint(1, 1, 1, 1);
         while (f->schema().fields_size() <= 1024) {
           vickrey::v1::FeatureField& field = *f->mutable_schema()->add_fields();
           field.set_name(absl::StrCat("more", f->schema().fields_size()));
           field.set_side(vickrey::v1::FeatureField::AD);
           field.set_kind(vickrey::v1::FeatureField::DENSE);
         }
         f->mutable_schema()->clear_schema_id();
       },
       "schema.fields: has 1025 fields; autoint, in which each of them sees all others, takes at most 1024"},
      {[](ModelFile* f) { f->clear_schema(); }, "fields"},
      {[](ModelFile* f) { f->mutable_schema()->set_schema_id("0123456789abcdef"); }, "schema_id"},
      {[](ModelFile* f) { f->mutable_schema()->mutable_fields(1)->set_name("x"); }, "fields[1].name"},
      {[](ModelFile* f) {
         f->mutable_schema()->mutable_fields(0)->set_transform(vickrey::v1::FeatureField::STANDARDIZE);
       },
       "schema.x.mean: is required"},
  };
  for (const auto& c : cases) {
    const absl::Status status = LoadOfFile(c.change);
    EXPECT_TRUE(absl::IsDataLoss(status)) << c.message << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("model.json"));
  }
}

TEST_F(ArtifactTest, AnotherFormatIsRefusedByNumber) {
  for (const int format : {2, 0, -1}) {
    const absl::Status status = LoadOfFile([format](ModelFile* f) { f->set_format(format); });
    EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("format ", format, " is not known; this version reads format 1")));
  }
}

TEST_F(ArtifactTest, AnotherFormatIsRefusedByNumberWhateverItHolds) {
  const absl::Status status = LoadOf(R"({"format":2,"name":"a","new_field":3})", SerializeTensors(SampleWeights()));
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
}

TEST_F(ArtifactTest, TheModelFileIsStrictJson) {
  const std::string weights = SerializeTensors(SampleWeights());
  for (const char* model : {"", "{", "[]", "null", R"({"format":1,"nmae":"a"})", R"({"format":"x"})"}) {
    const absl::Status status = LoadOf(model, weights);
    EXPECT_FALSE(status.ok()) << model;
    EXPECT_THAT(std::string(status.message()), HasSubstr("model.json")) << model;
  }
}

TEST_F(ArtifactTest, ThePublishedVersionStays) {
  const fs::path folder = WriteSample();
  std::string before[3];
  for (int i = 0; i < 3; ++i) before[i] = Read(folder / kFiles[i]);
  TensorFile other = SampleWeights();
  other.tensors.at("bias").values[0] = 99;
  const absl::Status status = WriteArtifact(root_, SampleFile(), ViewOf(other)).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read(folder / kFiles[i]), before[i]);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.parent_path()), fs::directory_iterator()), 1);
}

TEST_F(ArtifactTest, BadNamesAreRefusedBeforeAnythingIsWritten) {
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/a"), std::string("../a"),
        std::string("a b"), std::string("a\0b", 3), std::string("ü"), std::string(129, 'a')}) {
    ModelFile file = SampleFile();
    file.set_name(bad);
    EXPECT_EQ(base::FieldOf(WriteArtifact(root_, file, ViewOf(SampleWeights())).status()), "name") << bad;
    file = SampleFile();
    file.set_version(bad);
    EXPECT_EQ(base::FieldOf(WriteArtifact(root_, file, ViewOf(SampleWeights())).status()), "version") << bad;
  }
  EXPECT_TRUE(fs::is_empty(root_));
  ModelFile longest = SampleFile();
  longest.set_version(std::string(128, '9'));
  EXPECT_TRUE(WriteArtifact(root_, longest, ViewOf(SampleWeights())).ok());
}

TEST_F(ArtifactTest, NextVersionIsBehindTheGreatestNumber) {
  EXPECT_EQ(NextVersion(root_, "ctr"), "1");
  fs::create_directories(root_ / "ctr");
  EXPECT_EQ(NextVersion(root_, "ctr"), "1");
  for (const char* version : {"1", "2", "10", "abc", "3.5", ".99.tmp-aB3xYz"})
    fs::create_directories(root_ / "ctr" / version);
  EXPECT_EQ(NextVersion(root_, "ctr"), "11");
  EXPECT_EQ(NextVersion(root_, "other"), "1");
}

}  // namespace
}  // namespace vickrey::model
